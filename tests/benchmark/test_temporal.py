import json
import math
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from command import hint
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.evaluate import evaluate
from benchmark.protocol import MotionRules, Protocol, load_protocol
from benchmark.record import read_record
from benchmark.scores import Score
from benchmark.temporal.motion import score_motion
from benchmark.temporal.sequences import Timeline, labels_in_scope, whole_tracks
from hint.errors import InputError
from hint.files import read_labels, write_predictions
from hint.types import HandLabels, Predictions

#: Few draws, as most tests look at no interval.
PROTOCOL = replace(load_protocol("hint-seq-v1"), replicates=20)
CLIPS = [f"{k:08x}-0000-4000-8000-000000000000" for k in range(9)]
STEP, SECONDS = 15, 0.5


def hand_name(frame: int, clip: int = 0, action: int = 0, side: str = "l") -> str:
    return f"{CLIPS[clip]}_{CLIPS[action]}_{frame}_pre_frame_{side}"


def labels_of(names: list[str], points: np.ndarray, side: float | np.ndarray = 100.0) -> HandLabels:
    """Labels whose joints all exist, with square boxes around the origin."""
    half = np.broadcast_to(np.asarray(side) / 2, len(names))
    n = len(names)
    return HandLabels(
        np.array(names),
        np.array([name[:36] for name in names]),
        np.full(n, "ego4d_seq"),
        np.stack([-half, -half, half, half], 1),
        np.array([name.endswith("r") for name in names]),
        np.array(points, dtype=np.float64),
        np.ones((n, 21), bool),
        np.zeros((n, 21), bool),
        np.full(n, ""),
    )


def track(x: list[float], frames: list[int] | None = None, **name: object) -> tuple[list[str], np.ndarray]:
    """A hand whose joints all move along x, at those frames or at every step."""
    frames = frames or [STEP * k for k in range(len(x))]
    points = np.zeros((len(x), 21, 2))
    points[..., 0] = np.array(x)[:, None]
    return [hand_name(f, **name) for f in frames], points  # type: ignore[arg-type]


def predicted(labels: HandLabels, change: np.ndarray | float = 0.0) -> Predictions:
    return Predictions(labels.hand_id, labels.keypoints_2d + change)


def values(labels: HandLabels, predictions: Predictions, visibility: str = "all") -> dict[str, Score]:
    return {s.metric: s for s in score_motion(labels, predictions, PROTOCOL) if s.visibility == visibility}


def test_constant_velocity_has_no_acceleration_and_no_jitter() -> None:
    labels = labels_of(*track([0, 10, 20, 30]))
    found = values(labels, predicted(labels))
    assert {name: s.value for name, s in found.items()} == {
        "accel_error": 0.0,
        "accel_coverage": 100.0,
        "jitter": 0.0,
        "jitter_ground_truth": 0.0,
        "jitter_coverage": 100.0,
    }
    assert found["accel_error"].n_keypoints == 2 * 21, "two windows of three labels in four"
    assert found["jitter"].n_keypoints == 21, "one window of four"
    assert (found["jitter"].n_hands, found["jitter"].n_clips, found["jitter"].ci) == (4, 1, None)


def test_a_known_parabola_in_box_sides_per_second_squared() -> None:
    labels = labels_of(*track([0, 10, 20, 30]), side=50.0)
    # 8 px * t^2, t in seconds, accelerates by 16 px/s^2 everywhere, which is 16/50 of the box; its jerk is 0.
    parabola = 8 * (SECONDS * np.arange(4)) ** 2
    found = values(labels, predicted(labels, parabola[:, None, None] * np.array([0.6, 0.8])))
    assert found["accel_error"].value == pytest.approx(16 / 50)
    assert found["jitter"].value == pytest.approx(0, abs=1e-6)


def test_a_known_cubic_gives_the_jitter_of_the_labels() -> None:
    cubic = 10 * (SECONDS * np.arange(5)) ** 3
    labels = labels_of(*track(cubic.tolist()))
    still = Predictions(labels.hand_id, np.zeros((5, 21, 2)))
    found = values(labels, still)
    assert found["jitter_ground_truth"].value == pytest.approx(60 / 100)
    assert found["jitter"].value == 0, "a method that never moves is smoother than any label"
    # Central second differences of a cubic are exact: 60 t at 0.5, 1.0 and 1.5 s.
    assert found["accel_error"].value == pytest.approx(60 * 1.0 / 100)


def test_differences_are_divided_by_the_mean_box_of_the_window() -> None:
    labels = labels_of(*track([500, 510, 520]), side=np.array([50.0, 100.0, 150.0]))
    assert values(labels, predicted(labels))["accel_error"].value == 0, "a growing box accelerates nothing"
    pushed = predicted(labels, np.array([0.0, 0.0, 5.0])[:, None, None] * np.array([1, 0]))
    assert values(labels, pushed)["accel_error"].value == pytest.approx(5 / 100 / SECONDS**2, rel=1e-6)


def test_the_rules_say_how_long_a_step_is() -> None:
    labels = labels_of(*track([0, 0, 1], frames=[7, 8, 9]))
    dense = replace(PROTOCOL, motion=MotionRules(step_frames=1, frames_per_second=10))
    still = Predictions(labels.hand_id, np.zeros((3, 21, 2)))
    assert score_motion(labels, still, dense)[0].value == pytest.approx(1 / 100 * 10**2)


@pytest.mark.parametrize(
    ("frames", "windows"),
    [
        ([0, 15, 30, 45, 60], [[0, 15, 30], [15, 30, 45], [30, 45, 60]]),
        ([0, 15, 45, 60, 75], [[45, 60, 75]]),
        ([0, 15, 30, 75, 90, 105], [[0, 15, 30], [75, 90, 105]]),
        ([0, 30, 60, 90], []),
        ([0, 15, 20, 30], []),
        ([0, 15], []),
    ],
)
def test_gaps_split_sequences(frames: list[int], windows: list[list[int]]) -> None:
    names, points = track([0.0] * len(frames), frames)
    labels = labels_of(names, points)
    timeline = Timeline(labels)
    assert timeline.frame[timeline.windows(STEP, 3)].tolist() == windows


def test_sides_actions_clips_and_subsets_are_separate_tracks() -> None:
    frames = [100, 115, 130]
    names = [
        hand_name(frame, **key)
        for frame in frames
        for key in ({"side": "l"}, {"side": "r"}, {"action": 1}, {"clip": 1}, {"clip": 2})
    ]
    labels = labels_of(names, np.zeros((15, 21, 2)))
    subset = labels.subset.copy()
    subset[9] = "val_ego4d_seq"
    labels = replace(labels, subset=subset)  # the middle label of clip 2 is elsewhere
    windows = labels.hand_id[Timeline(labels).windows(STEP, 3)]
    assert sorted(map(tuple, windows.tolist())) == sorted(
        tuple(hand_name(f, **key) for f in frames) for key in ({"side": "l"}, {"side": "r"}, {"action": 1}, {"clip": 1})
    )


def test_left_and_right_of_the_same_frames_do_not_mix() -> None:
    left, right = track([0, 10, 20], side="l"), track([900, 890, 880], side="r")
    labels = labels_of(left[0] + right[0], np.concatenate([left[1], right[1]]))
    assert values(labels, predicted(labels))["accel_error"].value == 0


def test_hands_whose_names_have_no_frame_are_their_own_tracks() -> None:
    assert len(Timeline(labels_of(["a_l", "b_l", "c_l"], np.zeros((3, 21, 2)))).windows(STEP, 3)) == 0


def test_a_joint_missing_in_the_middle_is_not_counted() -> None:
    labels = labels_of(*track([0, 0, 0, 0, 0]))
    existence = labels.existence.copy()
    existence[2, 7] = False
    labels = replace(labels, existence=existence)
    change = np.zeros((5, 21, 2))
    change[2, 7] = 1000
    found = values(labels, predicted(labels, change))
    assert found["accel_error"].value == 0
    assert found["accel_error"].n_keypoints == 3 * 20
    assert found["jitter"].n_keypoints == 2 * 20
    assert found["accel_coverage"].value == 100, "what is not annotated is not asked for"


def test_a_joint_counts_as_visible_or_occluded_only_if_it_stays_so() -> None:
    labels = labels_of(*track([0, 0, 0]))
    occlusion = np.zeros((3, 21), bool)
    occlusion[:, 3] = True
    occlusion[1, 4] = True
    labels = replace(labels, occlusion=occlusion)
    counts = {v: values(labels, predicted(labels), v)["accel_error"].n_keypoints for v in PROTOCOL.visibilities}
    assert counts == {"all": 21, "visible": 19, "occluded": 1}


def test_missing_predictions_lower_the_coverage_and_stay_misses() -> None:
    labels = labels_of(*track([0, 7, 11, 20, 33]))
    given = predicted(labels, np.array([0.0, 0, 3, 0, 0])[:, None, None] * np.array([1, 0]))
    points = given.keypoints_2d.copy()
    points[4, 5], points[0, 6, 1] = np.nan, np.inf
    without_last_joint = Predictions(given.hand_id, points)
    whole, found = values(labels, given), values(labels, without_last_joint)
    assert whole["accel_coverage"].value == 100
    assert found["accel_coverage"].value == pytest.approx(100 * (3 * 21 - 2) / (3 * 21))
    assert found["jitter_coverage"].value == pytest.approx(100 * (2 * 21 - 2) / (2 * 21))
    assert found["accel_error"].n_keypoints == 3 * 21 - 2
    assert found["jitter_ground_truth"].n_keypoints == found["jitter"].n_keypoints == 2 * 21 - 2

    record = evaluate(labels, given.select([0, 1, 3, 4]), PROTOCOL).record
    assert record.status == "complete", "misses, not a part of the hands"
    assert {s.metric: s.value for s in record.scores if s.metric.endswith("_coverage") and s.visibility == "all"} == {
        "accel_coverage": 0.0,
        "jitter_coverage": 0.0,
    }
    assert record.value("ego4d_seq", "all", "accel_error") is None, "nothing was computed, so no number is given"
    pck = record.value("ego4d_seq", "all", "pck", 0.1)
    assert pck is not None
    assert pck.value == pytest.approx(80)


@pytest.mark.parametrize("step", [1, 2])
@settings(max_examples=40)
@given(data=st.data())
def test_it_agrees_with_a_slow_reference(step: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    keys = data.draw(
        st.lists(
            st.tuples(st.integers(0, 7), st.integers(0, 2), st.integers(0, 1), st.sampled_from("lr")),
            min_size=1,
            max_size=40,
            unique=True,
        )
    )
    labels = labels_of([hand_name(*key) for key in keys], rng.normal(0, 30, (len(keys), 21, 2)), 50 + rng.random() * 99)
    labels = replace(
        labels,
        existence=rng.random((len(keys), 21)) > 0.1,
        occlusion=rng.random((len(keys), 21)) > 0.6,
        box_xyxy=labels.box_xyxy * rng.uniform(0.5, 2, (len(keys), 1)),
    )
    points = labels.keypoints_2d + rng.normal(0, 5, labels.keypoints_2d.shape)
    points[rng.random((len(keys), 21)) < 0.05] = np.nan
    given = Predictions(labels.hand_id, points).select(rng.random(len(keys)) > 0.1)
    rules = MotionRules(step, 30)
    rows = score_motion(labels, given, replace(PROTOCOL, motion=rules))
    found = {(s.visibility, s.metric): (s.value, s.n_keypoints) for s in rows}
    expected = slow_motion(labels, given, rules)
    assert found.keys() == expected.keys()
    for key, (value, count) in expected.items():
        assert found[key] == (pytest.approx(value, rel=1e-9, abs=1e-9), count)


def slow_motion(labels: HandLabels, given: Predictions, rules: MotionRules) -> dict[tuple[str, str], tuple[float, int]]:
    """Hand by hand and joint by joint, on names taken apart by hand."""
    predicted_points = {
        name: points.astype(float) for name, points in zip(given.hand_id.tolist(), given.keypoints_2d, strict=True)
    }
    tracks: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for row, name in enumerate(labels.hand_id.tolist()):
        clip, action, frame, *_, side = name.split("_")
        tracks.setdefault((clip, action, side), []).append((int(frame), row))
    h = rules.step_frames / rules.frames_per_second
    numbers: dict[tuple[str, str], list[float]] = {}
    for entries in tracks.values():
        entries.sort()
        for length, weights in ((3, (1, -2, 1)), (4, (-1, 3, -3, 1))):
            for start in range(len(entries) - length + 1):
                window = entries[start : start + length]
                if any(b[0] - a[0] != rules.step_frames for a, b in pairwise(window)):
                    continue
                rows = [row for _, row in window]
                boxes = [labels.box_xyxy[row] for row in rows]
                side = sum(max(b[2] - b[0], b[3] - b[1]) for b in boxes) / length
                for joint in range(21):
                    _one_joint(numbers, labels, predicted_points, rows, joint, weights, side * h ** (length - 1))
    return {key: (math.fsum(v) / len(v), len(v)) for key, v in numbers.items()}


def _one_joint(
    numbers: dict[tuple[str, str], list[float]],
    labels: HandLabels,
    predicted_points: dict[str, np.ndarray],
    rows: list[int],
    joint: int,
    weights: tuple[int, ...],
    unit: float,
) -> None:
    states = {int(labels.existence[r, joint]) * (2 - int(labels.occlusion[r, joint])) for r in rows}
    if 0 in states:
        return
    groups = ["all", *(name for name, state in (("visible", {2}), ("occluded", {1})) if states == state)]
    nowhere = np.full((21, 2), np.nan)
    true, mine = np.zeros(2), np.zeros(2)
    for weight, row in zip(weights, rows, strict=True):
        true = true + weight * labels.keypoints_2d[row, joint]
        mine = mine + weight * predicted_points.get(labels.hand_id[row].item(), nowhere)[joint]
    known = not np.isnan(mine).any()
    is_triple = len(rows) == 3
    found = {("accel" if is_triple else "jitter") + "_coverage": 100.0 * known}
    if known and is_triple:
        found["accel_error"] = math.dist(mine, true) / unit
    elif known:
        found |= {"jitter": math.hypot(*mine) / unit, "jitter_ground_truth": math.hypot(*true) / unit}
    for group in groups:
        for metric, value in found.items():
            numbers.setdefault((group, metric), []).append(value)


@pytest.fixture(scope="module")
def moving() -> HandLabels:
    """Eight clips of two hands in slow circles, 14 labels each, in no order."""
    rng = np.random.default_rng(3)
    parts = []
    for clip in range(8):
        for side in "lr":
            names, points = track([0.0] * 14, clip=clip, side=side)
            angle = np.arange(14) / 9 + rng.uniform(0, 6)
            points = rng.normal(0, 20, (1, 21, 2)) + 30 * np.stack([np.cos(angle), np.sin(angle)], 1)[:, None]
            parts.append((names, points))
    order = rng.permutation(8 * 2 * 14)
    names = [name for part in parts for name in part[0]]
    return labels_of([names[i] for i in order], np.concatenate([p for _, p in parts])[order])


def noisy(labels: HandLabels, pixels: float, seed: int = 0) -> Predictions:
    return predicted(labels, np.random.default_rng(seed).normal(0, pixels, labels.keypoints_2d.shape))


def test_where_the_hands_are_and_in_which_order_does_not_matter(moving: HandLabels) -> None:
    given = noisy(moving, 2)
    found = score_motion(moving, given, PROTOCOL)
    order = np.random.default_rng(1).permutation(len(moving))
    assert score_motion(moving.select(order), given, PROTOCOL) == found
    assert score_motion(moving, given.select(order), PROTOCOL) == found

    away = replace(moving, keypoints_2d=moving.keypoints_2d + np.array([64.0, -32.0]))
    elsewhere = replace(given, keypoints_2d=given.keypoints_2d - np.float32(128))
    moved = score_motion(away, elsewhere, PROTOCOL)
    assert [s.value for s in moved] == pytest.approx([s.value for s in found], rel=1e-4)


def test_larger_hands_that_move_alike_score_the_same(moving: HandLabels) -> None:
    given = noisy(moving, 2)
    large = replace(moving, keypoints_2d=4 * moving.keypoints_2d, box_xyxy=4 * moving.box_xyxy)
    twin = replace(given, keypoints_2d=4 * given.keypoints_2d)
    found = [s.value for s in score_motion(large, twin, PROTOCOL)]
    assert found == pytest.approx([s.value for s in score_motion(moving, given, PROTOCOL)], rel=1e-9)


def test_noise_alone_gives_the_errors_of_the_theory(moving: HandLabels) -> None:
    # Second and third differences of independent noise have 6 and 20 times its variance; a length in the plane has the
    # mean of a Rayleigh distribution. The labels rest, so that nothing but the noise moves.
    rest = replace(moving, keypoints_2d=np.zeros_like(moving.keypoints_2d))
    found = values(rest, noisy(rest, 2.0))
    rayleigh = 2.0 / 100 * math.sqrt(math.pi / 2)
    assert found["accel_error"].value == pytest.approx(rayleigh * math.sqrt(6) / SECONDS**2, rel=0.05)
    assert found["jitter"].value == pytest.approx(rayleigh * math.sqrt(20) / SECONDS**3, rel=0.05)


def test_smoothing_a_noisy_prediction_lowers_jitter_and_acceleration_error(moving: HandLabels) -> None:
    rough = noisy(moving, 3)
    points = rough.keypoints_2d.copy()
    for row in Timeline(moving).windows(STEP, 3):
        points[row[1]] = rough.keypoints_2d[row].mean(0)
    before, after = values(moving, rough), values(moving, Predictions(rough.hand_id, points))
    assert after["jitter"].value < 0.7 * before["jitter"].value
    assert after["accel_error"].value < 0.7 * before["accel_error"].value
    assert after["jitter_ground_truth"].value == before["jitter_ground_truth"].value < after["jitter"].value


def test_intervals_resample_clips(moving: HandLabels) -> None:
    shaky = np.where(moving.clip_id == CLIPS[0], 20.0, 0.0)[:, None, None]
    change = shaky * np.random.default_rng(0).normal(size=moving.keypoints_2d.shape)
    rules = replace(PROTOCOL, replicates=400)
    row = score_motion(moving, predicted(moving, change), rules, seed=1)[0]
    assert (row.metric, row.n_clips, row.n_hands) == ("accel_error", 8, len(moving))
    assert row.ci is not None
    # Clips are of one length, so a draw that holds the shaky one k times of 8 has k times the error.
    shares = np.array([row.ci.low, row.ci.high]) / row.value
    assert shares == pytest.approx([0, 3], abs=1e-3)


def test_pck_is_that_of_hint_v1(moving: HandLabels) -> None:
    given = noisy(moving, 6)
    flat = replace(load_protocol(), replicates=20)
    mine, official = (evaluate(moving, given, p).record for p in (PROTOCOL, flat))
    assert mine.scores[: len(official.scores)] == official.scores
    assert {s.metric for s in mine.scores[len(official.scores) :]} == {
        *("accel_error", "accel_coverage", "jitter", "jitter_ground_truth", "jitter_coverage")
    }


def test_only_the_sequences_of_a_root_are_scored(moving: HandLabels) -> None:
    pictures = replace(
        moving, subset=np.full(len(moving), "ego4d"), hand_id=np.char.replace(moving.hand_id, "-4", "-5")
    )
    both = HandLabels.concatenate([pictures, moving])
    assert labels_in_scope(both, PROTOCOL).subsets == ["ego4d_seq"]
    assert labels_in_scope(pictures, PROTOCOL).subsets == ["ego4d"], "asked for alone, they are scored"
    record = evaluate(both, noisy(both, 1), PROTOCOL).record
    assert [(part.name, part.n_hands, part.expected_hands) for part in record.data] == [("ego4d_seq", 224, 6953)]


def test_labels_without_sequences_are_refused() -> None:
    names, points = track([0, 1, 2], frames=[0, 4, 8])
    with pytest.raises(InputError, match=r"15 frames apart.*most are 4 frames apart.*hint-v1"):
        labels_in_scope(labels_of(names, points), PROTOCOL)
    with pytest.raises(InputError, match="no three labels"):
        labels_in_scope(labels_of(["a_l"], np.zeros((1, 21, 2))), PROTOCOL)


def test_a_limit_keeps_tracks_whole(moving: HandLabels) -> None:
    some = whole_tracks(moving, 40)
    track_of, counts = np.unique(Timeline(some).track, return_counts=True)
    assert (len(track_of), set(counts.tolist())) == (3, {14})
    assert whole_tracks(moving, None) is moving
    assert len(whole_tracks(moving, 1)) == 14


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("step_frames = 15", "step_frames = 0", "must be positive"),
        ("step_frames = 15", "step_frames = 1.5", "float"),
        ("frames_per_second = 30", "frames_per_second = inf", "must be positive"),
        ("frames_per_second = 30", "", "'frames_per_second' is missing"),
        ('missing = "left_out_and_reported"', 'missing = "ignored"', "motion.missing must be 'left_out_and_reported'"),
        ("[motion]", "[motions]", "'motion' is missing"),
    ],
)
def test_rules_that_are_not_implemented_are_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = Path(sys.modules["benchmark"].__path__[0], "protocols", "hint-seq-v1.toml").read_text()
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        load_protocol(str(tmp_path / "mine.toml"))


def test_it_differs_from_hint_v1_only_in_motion_and_subsets() -> None:
    mine, official = load_protocol("hint-seq-v1"), load_protocol()
    own = {"id", "title", "subsets", "sha256", "motion"}
    same = [name for name in Protocol.__dataclass_fields__ if name not in own]
    assert [getattr(mine, name) for name in same] == [getattr(official, name) for name in same]
    assert (mine.motion, official.motion) == (MotionRules(15, 30.0), None)
    assert [(s.folder, s.hands) for s in mine.subsets] == [("TEST_ego4d_seq", 6953), ("VAL_ego4d_seq", 2320)]


def test_the_command_scores_a_folder_of_sequences(tmp_path: Path, synthetic: ModuleType) -> None:
    truth = synthetic.write_ego4d_seq(tmp_path / "hint" / "TEST_ego4d_seq", clips=3)
    labels = read_labels(tmp_path / "hint")
    assert len(labels) == len(truth.keypoints)
    frames = [[frame for frame, _ in entries] for entries in truth.tracks]
    triples = sum(f[k + 2] - f[k + 1] == f[k + 1] - f[k] == STEP for f in frames for k in range(len(f) - 2))
    assert 0 < triples == len(Timeline(labels).windows(STEP, 3))
    write_predictions(tmp_path / "mine.npz", noisy(labels, 2).select(slice(1, None)))
    arguments = ("--protocol", "hint-seq-v1", "--data", "hint", "--predictions", "mine.npz")
    done = hint("eval", *arguments, cwd=tmp_path, code=1)  # a row is missing
    assert "motion, in box sides" in done.stdout
    assert "acceleration could be computed at" in done.stderr
    record = read_record(tmp_path / "hint-results" / "mine-hint-seq-v1" / "record.json")
    assert record.protocol.id == "hint-seq-v1"
    assert json.loads(record.to_json())["data"][0]["n_hands"] == len(labels)
    metrics = {s.metric for s in record.scores}
    assert metrics >= {"pck", "accel_error", "jitter", "jitter_ground_truth"}
