"""MMPose's own models with seeded random weights, beside MMPose's own inference; nothing here judges accuracy."""

import os
import subprocess
import sys
import warnings
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from hint.engine import Work, run
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.files import read_labels, write_coco
from hint.methods.mmpose import card
from hint.methods.mmpose.card import DEFAULT_PRESET, PRESETS, missing_parts, weights_path
from hint.methods.mmpose.checkpoint import read_state
from hint.methods.selftest import selftest
from hint.requirements import wheels_command
from hint.types import Hand, MethodOptions

SEED = 3
HRNET = "hrnetv2-w18-wholebody-hand"


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    if lacking := missing_parts():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"mmpose {lacking}")


def create(preset: str = DEFAULT_PRESET, weights: str | None = "random", **extra: str) -> Any:
    from hint.methods.mmpose.method import MMPoseMethod

    settings = {key.replace("_", "-"): value for key, value in extra.items()}
    if "config" not in extra:
        settings["preset"] = preset
    return MMPoseMethod.create(MethodOptions(device="cpu", weights=weights, seed=SEED, extra=settings))


@cache
def method_of(preset: str) -> Any:
    return create(preset)


def config_path(name: str) -> Path:
    import mmpose

    return Path(mmpose.__file__).parent / ".mim" / "configs" / name


@cache
def theirs(config: str, flip_test: bool = True) -> Any:
    """MMPose's model as MMPose builds it, of the same seed."""
    from mmengine.config import Config

    from hint.methods.mmpose.shim import mmpose_apis

    apis = mmpose_apis()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = Config.fromfile(str(config_path(config)))
        read.model.test_cfg.flip_test = flip_test
        torch.manual_seed(SEED)
        return apis.init_model(read, None, device="cpu")


def scenes(n: int) -> list[tuple[Hand, np.ndarray]]:
    """Hands of ``n`` pictures of different sizes; some boxes leave their picture, every second hand is a left one."""
    rng = np.random.default_rng(11)
    found = []
    for k in range(n):
        height, width = 200 + 37 * k, 260 + 21 * k
        picture = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (0, 0), 4)
        x, y, side = rng.uniform(-30, width / 2), rng.uniform(-20, height / 2), rng.uniform(60, 150)
        found.append((Hand(f"h{k}_{'rl'[k % 2]}", (x, y, x + side, y + 0.8 * side), k % 2 == 0), picture))
    return found


def decided(method: Any, hands: list[tuple[Hand, np.ndarray]]) -> np.ndarray:
    """(N,21): whether a joint has one place that is clearly the likeliest.

    Under random weights some have two, and then rounding, which differs between processors, decides. A thousandth of a
    grey level is far more than rounding, so a joint that stays under such noise is decided by the picture.
    """
    noise = torch.Generator().manual_seed(0)
    prepared = [method.prepare(hand, picture) for hand, picture in hands]
    shaken = [
        {**item, "inputs": item["inputs"] + 1e-3 * torch.randn(item["inputs"].shape, generator=noise)}
        for item in prepared
    ]
    clear = (method.run(prepared)[0] == method.run(shaken)[0]).all(2)
    assert clear.mean() > 0.8, "too few joints to prove anything"
    return clear


def assert_same_scores(scores: np.ndarray, expected: np.ndarray) -> None:
    """Compare scores to a part in 10,000 of the largest.

    Some fifty layers of float32 (6e-8 each) are summed in an order that differs between processors, numbers of threads
    and sizes of batches; a score near 0 is what is left of large summands, so the error is relative to the largest.
    """
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def ours(method: Any, hands: list[tuple[Hand, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    keypoints, scores = method.run([method.prepare(hand, picture) for hand, picture in hands])
    return keypoints, scores


def one_by_one(network: Any, hands: list[tuple[Hand, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    from hint.methods.mmpose.shim import mmpose_apis

    found = []
    for hand, picture in hands:
        box = np.array([hand.box_xyxy], np.float32)
        found += mmpose_apis().inference_topdown(network, np.ascontiguousarray(picture[..., ::-1]), box)
    instances = [sample.pred_instances for sample in found]
    return np.concatenate([i.keypoints for i in instances]), np.concatenate([i.keypoint_scores for i in instances])


# The models


@pytest.mark.parametrize(("preset", "parameters"), [(DEFAULT_PRESET, 13_775_007), (HRNET, 9_641_661)])
def test_presets_are_the_configs_of_the_installed_package(preset: str, parameters: int) -> None:
    method = method_of(preset)
    assert config_path(PRESETS[preset].config).is_file()
    assert method.card.parameters == parameters
    assert (method.card.title, method.card.note) == (PRESETS[preset].title, "random weights")
    assert method.card.training_data == ()
    assert method.fingerprint["weights"] == "random"


@pytest.mark.parametrize(
    ("preset", "flip_test"), [(DEFAULT_PRESET, True), (DEFAULT_PRESET, False), (HRNET, True), (HRNET, False)]
)
def test_a_batch_over_pictures_is_what_mmpose_says_one_by_one(preset: str, flip_test: bool) -> None:
    method = method_of(preset) if flip_test else create(preset, flip_test="0")
    assert method.fingerprint["flip_test"] is flip_test
    hands = scenes(5)
    clear = decided(method, hands)
    keypoints, scores = ours(method, hands)
    expected, expected_scores = one_by_one(theirs(PRESETS[preset].config, flip_test), hands)
    assert np.array_equal(keypoints[clear], expected[clear].astype(np.float32))
    assert_same_scores(scores, expected_scores)
    assert np.ptp(keypoints, axis=(0, 1)).min() > 50, "points that are all the same would prove nothing"


@pytest.mark.parametrize("preset", [DEFAULT_PRESET, HRNET])
def test_answers_do_not_depend_on_the_batch(preset: str) -> None:
    method, hands = create(preset, flip_test="0"), scenes(5)
    whole, clear = ours(method, hands), decided(method, hands)
    for sizes in ((1, 2, 2), (4, 1)):
        starts = np.cumsum((0, *sizes))
        parts = [ours(method, hands[a:b]) for a, b in pairwise(starts)]
        keypoints, scores = (np.concatenate([part[k] for part in parts]) for k in range(2))
        assert np.array_equal(keypoints[clear], whole[0][clear]), sizes
        assert_same_scores(scores, whole[1])


def test_left_and_right_hands_are_looked_at_alike() -> None:
    hands = scenes(2)
    swapped = [(Hand(h.hand_id, h.box_xyxy, not h.is_right), picture) for h, picture in hands]
    assert np.array_equal(ours(method_of(HRNET), hands)[0], ours(method_of(HRNET), swapped)[0])


def test_scores_are_held_to_0_and_1_and_only_that() -> None:
    method, hands = method_of(DEFAULT_PRESET), scenes(2)
    prepared = [method.prepare(hand, picture) for hand, picture in hands]
    raw = method.run(prepared)[1]
    predictions = method.infer([hand for hand, _ in hands], prepared)
    assert raw.max() > 1, "SimCC scores are no probabilities"
    assert predictions.score is not None
    assert np.array_equal(predictions.score, np.clip(raw, 0, 1))
    assert predictions.hand_id.tolist() == ["h0_r", "h1_l"]


def test_joints_of_another_order_are_put_into_ours() -> None:
    name = "hand_2d_keypoint/topdown_heatmap/rhd2d/td-hm_res50_8xb64-210e_rhd2d-256x256.py"
    method, hands = create(config=str(config_path(name))), scenes(2)
    clear = decided(method, hands)
    keypoints, _ = one_by_one(theirs(name), hands)
    # RHD lists each finger from its tip to its base.
    order = [0, *(4 * finger + part for finger in range(5) for part in (4, 3, 2, 1))]
    assert np.array_equal(ours(method, hands)[0][clear], keypoints[:, order][clear].astype(np.float32))
    assert method.card.title.startswith("MMPose td-hm_res50")


def test_models_of_other_things_are_refused(tmp_path: Path) -> None:
    body = config_path("body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py")
    with pytest.raises(InputError, match=r"predicts 17 keypoints of coco, not the 21 joints of one hand"):
        create(config=str(body))
    (tmp_path / "broken.py").write_text("model = dict(type='NoSuchModel')\n")
    with pytest.raises(InputError, match=r"broken\.py: not a config MMPose can build"):
        create(config=str(tmp_path / "broken.py"))


def test_the_seed_decides_random_weights_and_leaves_the_process_alone() -> None:
    from hint.methods.mmpose.method import MMPoseMethod

    hands = scenes(1)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    other = MMPoseMethod.create(MethodOptions(device="cpu", weights="random", seed=SEED + 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert other.fingerprint != method_of(DEFAULT_PRESET).fingerprint
    assert not np.array_equal(ours(other, hands)[0], ours(method_of(DEFAULT_PRESET), hands)[0])


def test_it_keeps_the_contract_of_a_method() -> None:
    report = selftest(create(flip_test="0"))
    assert report.passed, report.checks


def test_the_engine_runs_it(hint_root: Path) -> None:
    hands = read_labels(hint_root).hands()[:5]
    predictions = run(method_of(DEFAULT_PRESET), hands, work=Work(batch_size=3)).predictions
    assert predictions.hand_id.tolist() == [hand.hand_id for hand in hands]
    assert np.isfinite(predictions.keypoints_2d).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_says_the_same() -> None:
    from hint.methods.mmpose.method import MMPoseMethod

    hands = scenes(5)
    there = MMPoseMethod.create(MethodOptions(device="cuda", weights="random", seed=SEED))
    apart = np.abs(ours(there, hands)[0] - ours(method_of(DEFAULT_PRESET), hands)[0]).max(2)
    assert np.median(apart) < 1


# Weights


def save_as_mmengine(path: Path, state: dict[str, torch.Tensor]) -> None:
    """Write a file as MMEngine's training loop does: history and description of the dataset beside the weights."""
    from mmengine.logging import HistoryBuffer

    history = HistoryBuffer([0.5, 0.4], [1, 1])
    meta = {"epoch": 210, "dataset_meta": {"sigmas": np.full(21, 0.03), "name": "hand", "scale": np.float64(2)}}
    torch.save({"meta": meta, "message_hub": {"log_scalars": {"loss": history}}, "state_dict": state}, path)


def state_of(preset: str) -> dict[str, torch.Tensor]:
    return dict(method_of(preset)._network.state_dict())


def test_weights_as_mmengine_writes_them_are_read_without_mmengines_objects(tmp_path: Path) -> None:
    path = tmp_path / "trained.pth"
    save_as_mmengine(path, state_of(DEFAULT_PRESET))
    with pytest.raises(Exception, match=r"HistoryBuffer|getattr|weights_only"):
        torch.load(path, weights_only=True)
    state = read_state(path)
    assert all(torch.equal(value, state[key]) for key, value in state_of(DEFAULT_PRESET).items())
    method, hands = create(weights=str(path)), scenes(2)
    assert np.array_equal(ours(method, hands)[0], ours(method_of(DEFAULT_PRESET), hands)[0])
    assert method.card.note == "weights trained.pth"
    assert set(method.fingerprint) >= {"weights_sha256", "config_sha256"}


def test_fetched_weights_are_found_in_their_place(hint_home: Path) -> None:
    path = weights_path(HRNET)
    path.parent.mkdir(parents=True)
    # The published file is of MMPose 0.x, whose parts had other names.
    old = {}
    for key, value in state_of(HRNET).items():
        name = key.replace("head.conv_layers.", "keypoint_head.final_layer.")
        name = name.replace("head.final_layer.", "keypoint_head.final_layer.3.") if name == key else name
        old[name] = value
    assert "keypoint_head.final_layer.3.weight" in old
    save_as_mmengine(path, old)
    method = create(HRNET, weights=None)
    assert method.card.training_data == ("COCO-WholeBody-Hand",)
    assert method.card.note == ""
    assert np.array_equal(ours(method, scenes(1))[0], ours(method_of(HRNET), scenes(1))[0])


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


class ThroughGetattr:
    """Reaches a function through the one name MMEngine's own files need."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.target, "touch")


class ThroughAnArray:
    """Calls a method of an array, both of which may be named in such a file, to write a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return np.zeros(3).tofile, (str(self.target),)


@pytest.mark.parametrize("kind", [Hostile, ThroughGetattr, ThroughAnArray])
@pytest.mark.parametrize("zipped", [True, False])
def test_hostile_files_run_nothing(kind: Any, zipped: bool, tmp_path: Path) -> None:
    target, path = tmp_path / "ran", tmp_path / "hostile.pth"
    content = {"state_dict": {"a": torch.zeros(1)}, "meta": kind(target)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"hostile\.pth: asks for .*not opened"):
        create(weights=str(path))
    assert not target.exists()


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    renamed = {key.replace("backbone.conv1.", "backbone.konv1."): value for key, value in state_of(HRNET).items()}
    torch.save(renamed, path)
    with pytest.raises(InputError, match=r"another model \(missing: backbone\.conv1\.weight; unknown: backbone\.konv1"):
        create(HRNET, weights=str(path))
    wide = {**state_of(HRNET), "head.final_layer.weight": torch.zeros(21, 3, 1, 1)}
    torch.save(wide, path)
    with pytest.raises(InputError, match=r"weights of another model \(size mismatch for head\.final_layer\.weight"):
        create(HRNET, weights=str(path))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="truncated at"):
        create(weights=str(path))
    with pytest.raises(InputError, match="No such file"):
        create(weights=str(tmp_path / "absent.pth"))


@pytest.mark.parametrize("preset", PRESETS)
def test_missing_weights_are_named_with_what_to_type(preset: str) -> None:
    with pytest.raises(MissingRequirementError, match=rf"mmpose needs its weights: hint fetch {preset} ") as raised:
        create(preset, weights=None)
    assert raised.value.exit_code == 3


# Packages


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ({}, r"needs mmpose 1\.3\.2, mmcv-lite 2\.1\.0, mmengine 0\.10\.7: pip install .*\[prelabel\]' && "),
        ({"mmpose": "1.3.2", "mmcv": "2.1.0"}, r"needs mmengine 0\.10\.7: pip install"),
        ({"mmpose": "0.29.0", "mmcv": "2.1.0", "mmengine": "0.10.7"}, r"needs mmpose 1\.3\.2, not 0\.29\.0: pip"),
    ],
)
def test_missing_packages_are_one_line(versions: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "installed_version", versions.get)
    with pytest.raises(MissingRequirementError, match=words) as raised:
        create()
    assert wheels_command() in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_part_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "munkres", None)
    monkeypatch.setattr(card, "_PACKAGES", ("munkres_is_not_there", "numpy"))
    with pytest.raises(MissingRequirementError, match=r"needs munkres_is_not_there: pip install .*\[prelabel\]"):
        create()


@pytest.mark.parametrize("blocked", ["", "pkg_resources"])
def test_importing_leaves_no_stand_in_and_says_nothing(blocked: str) -> None:
    code = (
        f"import sys; sys.modules.update({{n: None for n in {[blocked] if blocked else []}}})\n"
        "from hint.methods.mmpose.method import MMPoseMethod\n"
        "from hint.types import MethodOptions\n"
        "MMPoseMethod.create(MethodOptions(device='cpu', weights='random'))\n"
        "for name in ('mmcv.ops', 'mmdet', 'mmdet.utils', 'xtcocotools'):\n"
        "    assert getattr(sys.modules.get(name), '__file__', 'x'), name\n"
        "print([n for n in ('mmcv.ops', 'mmdet', 'xtcocotools', 'xtcocotools.mask') if n in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    if not blocked:
        assert done.stdout.strip() == "[]"


# Settings


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (MethodOptions(extra={"flip": "0"}), "unknown setting of mmpose 'flip'; did you mean flip-test"),
        (MethodOptions(extra={"preset": "rtmpose"}), "unknown preset of mmpose 'rtmpose'"),
        (MethodOptions(extra={"flip-test": "maybe"}), "must be 1 or 0"),
        (MethodOptions(extra={"config": "absent.py"}), r"absent\.py: no such config"),
        (MethodOptions(extra={"config": __file__}), "--weights FILE"),
        (MethodOptions(extra={"config": __file__, "preset": HRNET}), "either --set preset=NAME or --set config=FILE"),
        (MethodOptions(precision="bf16"), "fp32 only"),
        (MethodOptions(device="tpu", weights="random"), "unknown device"),
    ],
)
def test_settings_it_cannot_follow_are_refused(options: MethodOptions, words: str) -> None:
    from hint.methods.mmpose.method import MMPoseMethod

    with pytest.raises((InputError, UnknownNameError), match=words):
        MMPoseMethod.create(options)


def test_rtmpose_is_the_preset_under_its_own_name() -> None:
    from hint.methods.table import create as create_by_name

    named = create_by_name("rtmpose", MethodOptions(device="cpu", weights="random", seed=SEED))
    by_preset = method_of("rtmpose-m-hand5")
    assert named.card.name == "rtmpose"
    assert (named.card.title, named.fingerprint) == (by_preset.card.title, by_preset.fingerprint)
    with pytest.raises(UnknownNameError, match="unknown setting of rtmpose 'preset'"):
        create_by_name("rtmpose", MethodOptions(device="cpu", weights="random", extra={"preset": HRNET}))


@pytest.mark.parametrize("name", ["mmpose", "rtmpose", "mediapipe"])
def test_detectors_of_points_are_evaluated_like_any_method(name: str, hint_root: Path, tmp_path: Path) -> None:
    from benchmark.evaluate import evaluate
    from hint.methods.table import create as create_by_name

    labels = read_labels(hint_root)
    method = create_by_name(name, MethodOptions(device="cpu", weights=None if name == "mediapipe" else "random"))
    record = evaluate(labels, method, out=tmp_path).record
    assert record.method.name == name
    assert {score.metric for score in record.scores} >= {"pck", "auc"}
    assert (tmp_path / name / "predictions.npz").is_file()


def test_a_hand_without_a_picture_is_refused() -> None:
    with pytest.raises(InputError, match="h_r: MMPose needs a picture"):
        method_of(DEFAULT_PRESET).prepare(Hand("h_r", (0, 0, 9, 9), True), None)


def test_an_exported_coco_file_is_a_dataset_of_mmpose(hint_root: Path, tmp_path: Path) -> None:
    """Its hand datasets take width and height of pictures, and joints in the order of the file."""
    from hint.methods.mmpose.shim import mmpose_apis

    mmpose_apis()
    from mmpose.datasets.datasets.hand import FreiHandDataset

    labels = read_labels(hint_root)
    write_coco(tmp_path / "labels.json", labels, copy_images=True)
    steps = [{"type": "mmpose.LoadImage"}]
    theirs = FreiHandDataset("labels.json", data_root=str(tmp_path), data_prefix={"img": ""}, pipeline=steps)
    read = [theirs[k] for k in range(len(theirs))]
    order = [labels.hand_id.tolist().index(Path(one["img_path"]).stem) for one in read]
    assert sorted(order) == list(range(len(labels)))
    assert all(Path(one["img_path"]).is_relative_to(tmp_path) for one in read)
    np.testing.assert_allclose([one["keypoints"][0] for one in read], labels.keypoints_2d[order], rtol=1e-6)
    there = labels.existence[order]
    np.testing.assert_array_equal([one["keypoints_visible"][0] > 0 for one in read], there)
    assert [one["img"].shape[:2] for one in read] == [cv2.imread(labels.image[k]).shape[:2] for k in order]
