"""Each finding against the real thing: distributions, folders and interpreters made for the purpose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import hint
from hint import doctor
from hint.doctor import Finding, examine, has_problem, requirements
from hint.fetch import receipt_path
from hint.requirements import pip_command, wheels_command

ROOT = Path(hint.__file__).parent.parent
SITE = Path(sysconfig.get_path("purelib"))
TELL = (
    "import dataclasses, json, sys; from hint.doctor import examine; "
    "json.dump([dataclasses.asdict(f) for f in examine()], sys.stdout)"
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv(doctor.DATA_VARIABLE, raising=False)


@pytest.fixture
def distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path whose distributions come before the installed ones."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def install(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def named(name: str, findings: list[Finding] | None = None) -> Finding:
    matches = [finding for finding in findings or examine() if finding.name == name]
    assert len(matches) == 1, matches
    return matches[0]


def examine_with(path: list[Path], *options: str) -> list[Finding]:
    """Examine from a new interpreter with this module search path."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, *options, "-c", TELL]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Finding(**row) for row in json.loads(done.stdout)]


def core_only(folder: Path, *without: str) -> list[Path]:
    """Return a search path that holds the toolkit and its core, and nothing else that is installed."""
    folder.mkdir()
    names = (
        "numpy",
        "packaging",
        "platformdirs",
        "tomli",
        "pydantic",
        "typing_extensions",
        "annotated_types",
        "hint_toolkit",
    )
    for entry in SITE.iterdir():
        if entry.name.startswith(tuple(set(names) - set(without))):
            (folder / entry.name).symlink_to(entry)
    return [ROOT, folder]


def test_findings_can_be_written_as_json_and_are_told_apart() -> None:
    findings = examine()
    assert len({(f.group, f.name) for f in findings}) == len(findings)
    assert {f.state for f in findings} <= {"ok", "missing", "problem"}
    assert all(f.detail for f in findings)
    assert all(f.advice for f in findings if f.state != "ok")
    assert named("numpy", findings).detail == __import__("numpy").__version__


def test_only_problems_count() -> None:
    ok, missing = Finding("files", "a", "ok", "x"), Finding("files", "b", "missing", "x", "y")
    assert not has_problem([ok, missing])
    assert has_problem([ok, Finding("files", "c", "problem", "x", "y")])


def test_plain_look_loads_nothing_heavy() -> None:
    heavy = {"torch", "cv2", "ai_edge_litert"}
    code = f"import sys; from hint.doctor import examine; examine(); print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""


# Packages


def test_core_alone_lacks_the_extras_and_has_no_problem_with_it(tmp_path: Path) -> None:
    findings = examine_with(core_only(tmp_path / "core"), "-S")
    torch = named("torch", findings)
    assert (torch.state, torch.detail, torch.advice) == (
        "missing",
        "not installed",
        pip_command("models"),
    )
    assert named("opencv-python-headless", findings).state == "missing"
    assert named("ai-edge-litert", findings).state == "missing"
    assert named("mmpose", findings).state == "missing"
    assert not {"addict", "yapf"} & {f.name for f in findings}, "parts of what is installed by itself"
    assert {f.name for f in findings if f.state == "problem"} == {"rich", "typer"}, (
        "parts of the core that were left out"
    )


def test_distribution_that_is_not_installed(tmp_path: Path) -> None:
    findings = examine_with(core_only(tmp_path / "core", "hint_toolkit"), "-S")
    assert [f.name for f in findings if f.group == "packages"] == ["hint-toolkit"]
    assert named("hint-toolkit", [f for f in findings if f.group == "packages"]).state == "problem"


def test_two_opencvs(distributions: Path) -> None:
    install(distributions, "opencv-python-headless", "4.12.0.88")
    install(distributions, "opencv-contrib-python", "4.11.0.86")
    finding = named("opencv")
    assert finding.state == "problem"
    assert "opencv-python-headless 4.12.0.88 and opencv-contrib-python 4.11.0.86" in finding.detail
    assert finding.advice.startswith("pip uninstall -y opencv-python-headless opencv-contrib-python && pip install ")
    assert finding.advice.count("<4.13") == 1


def test_another_opencv_than_the_headless_one_is_fine_in_the_right_version(tmp_path: Path) -> None:
    path = core_only(tmp_path / "core")
    install(path[1], "opencv-python", "4.12.0.88")
    assert named("opencv-python", examine_with(path, "-S")).state == "ok"


def test_version_outside_its_bounds(distributions: Path) -> None:
    install(distributions, "opencv-python-headless", "5.0.0.1")
    install(distributions, "numpy", "1.26.4")
    opencv, numpy = named("opencv-python-headless"), named("numpy")
    assert (opencv.state, numpy.state) == ("problem", "problem")
    assert numpy.detail == "1.26.4, the toolkit needs numpy>=2.2"
    assert numpy.advice == "pip install 'numpy>=2.2'"


def test_another_mmpose(distributions: Path) -> None:
    for name, version in (("mmpose", "0.29.0"), ("mmcv-lite", "2.1.0"), ("mmengine", "0.10.7")):
        install(distributions, name, version)
    finding = named("mmpose")
    assert (finding.state, finding.detail) == ("problem", "needs mmpose 1.3.2, not 0.29.0")
    assert finding.advice == wheels_command()


def test_every_declared_requirement_is_understood() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    wanted = {r.name: r for r in requirements()}
    assert wanted["opencv-python-headless"].extra == "images"
    assert wanted["opencv-python-headless"].requirement.specifier == "<4.13,>=4.12"
    assert wanted["numpy"].extra == ""
    assert "pytest" not in wanted
    for declared in wanted.values():
        assert f'"{declared.name}' in pyproject, declared


# Loading


def test_deep_look_loads_what_is_installed() -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("torch")
    findings = examine(deep=True)
    assert named("import cv2", findings).state == "ok"
    assert named("torch on a GPU", findings).detail


def test_library_that_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    (broken / "torch.py").write_text("import os; os.abort()")
    install(broken, "torch", "2.9.0")
    install(broken, "opencv-python-headless", "4.12.0.88")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    monkeypatch.syspath_prepend(broken)
    findings = examine(deep=True)
    assert named("import cv2", findings).detail == "ImportError: libGL.so.1: cannot open shared object file"
    assert named("import cv2", findings).state == named("import torch", findings).state == "problem"


@pytest.mark.parametrize(
    ("torch", "driver", "state", "words"),
    [
        ("version.cuda = '12.8'\ncuda.is_available = lambda: False", True, "problem", "cannot use the NVIDIA driver"),
        ("version.cuda = '12.8'\ncuda.is_available = lambda: False", False, "missing", "no NVIDIA driver"),
        ("version.cuda = None\ncuda.is_available = lambda: False", True, "missing", "for the CPU only"),
        ("version.cuda = '12.8'\ncuda.is_available = lambda: True", True, "ok", r"H200 \(CUDA 12.8\)"),
    ],
)
def test_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch: str, driver: bool, state: str, words: str) -> None:
    folder = tmp_path / "stand-in"
    folder.mkdir()
    (folder / "torch.py").write_text(
        "from types import SimpleNamespace as N\nversion, cuda = N(hip=None), N()\n"
        f"cuda.device_count, cuda.get_device_name = lambda: 1, lambda i: 'H200'\n{torch}\n"
    )
    install(folder, "torch", "2.9.0")
    if driver:
        (folder / "nvidia-smi").write_text("#!/bin/sh\n")
        (folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    finding = named("torch on a GPU", examine(deep=True))
    assert finding.state == state
    assert __import__("re").search(words, finding.detail)


# The four packages


@pytest.mark.parametrize("as_module", [True, False])
def test_package_of_a_stranger_in_front_of_ours(tmp_path: Path, as_module: bool) -> None:
    if as_module:
        (tmp_path / "benchmark.py").touch()
    else:
        (tmp_path / "benchmark").mkdir()
        (tmp_path / "benchmark/__init__.py").touch()
    finding = named("benchmark", examine_with([tmp_path, ROOT]))
    assert finding.state == "problem"
    assert str(tmp_path) in finding.detail
    assert str(ROOT) in finding.detail


def test_packages_from_one_place_need_no_line() -> None:
    assert not {"annotation", "benchmark", "leaderboard"} & {f.name for f in examine()}


# Files


def test_weights(hint_home: Path) -> None:
    assert named("hamer.ckpt").advice == "hint fetch hamer"
    weights = hint_home / "weights"
    weights.mkdir()
    (weights / "hamer.ckpt").write_bytes(bytes(1000))
    (weights / "own.safetensors").write_bytes(bytes(2_000_000))
    assert named("hamer.ckpt").state == "ok"
    assert named("own.safetensors").detail == f"{weights / 'own.safetensors'}, 2.0 MB"
    entry = {"weights/hamer.ckpt": {"bytes": 2000, "sha256": "0" * 64}}
    receipt_path("hamer").write_text(json.dumps({"files": entry}))
    assert named("hamer.ckpt").detail.endswith("has 1000 bytes, 2000 were fetched")
    assert named("hamer.ckpt").state == "problem"
    receipt_path("hamer").write_text("{")
    assert named("hamer.ckpt").state == "problem"


def test_weights_where_the_official_code_keeps_them() -> None:
    place = Path("_DATA/hamer_ckpts/checkpoints/hamer.ckpt")
    place.parent.mkdir(parents=True)
    place.touch()
    assert named("hamer.ckpt").state == "ok"


def test_files_of_the_baselines(hint_home: Path) -> None:
    assert named("pose_shape_best.pth").advice == "hint fetch frankmocap"
    assert named("mano_downsampling.npz").advice.startswith("hint fetch metro-downsampling")
    assert "drive.google.com" in named("snapshot_demo.pth.tar").advice
    assert named("rtmpose-m-hand5.pth").advice == "hint fetch rtmpose-m-hand5"
    place = hint_home / "frankmocap" / "pose_shape_best.pth"
    place.parent.mkdir()
    place.write_bytes(bytes(3_000_000))
    assert named("pose_shape_best.pth") == Finding("files", "pose_shape_best.pth", "ok", f"{place}, 3.0 MB")


def test_mano(hint_home: Path) -> None:
    assert named("MANO").state == "missing"
    assert "mano.is.tue.mpg.de" in named("MANO").advice
    (hint_home / "mano").mkdir()
    place = hint_home / "mano/MANO_RIGHT.pkl"
    place.write_bytes(b"\x80\x02}q\x01.")
    assert named("MANO") == Finding("files", "MANO", "ok", str(place))
    place.write_bytes(b"\n<!DOCTYPE html><html>log in</html>")
    assert named("MANO").state == "problem"


def test_data(hint_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named("HInt data").state == "missing"
    (hint_home / "data/HInt/TEST_newdays_img").mkdir(parents=True)
    (hint_home / "data/HInt/VAL_ego4d_img").mkdir()
    assert named("HInt data").detail == f"{hint_home / 'data'}: TEST_newdays_img, VAL_ego4d_img"
    monkeypatch.setenv(doctor.DATA_VARIABLE, str(tmp_path / "elsewhere"))
    assert named("HInt data").state == "problem"
    (tmp_path / "elsewhere/TEST_epick_img").mkdir(parents=True)
    assert named("HInt data").state == "ok"


# System


def test_home(hint_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named("home").detail.startswith(f"{hint_home}, ")
    (hint_home / "file").touch()
    monkeypatch.setenv("HINT_HOME", str(hint_home / "file/below"))
    assert named("home").state == "problem"


PROGRAM = """#!/bin/sh
echo "{name} version {version} Copyright (c) 2000-2018 the FFmpeg developers"
echo "libavutil      56. 14.100 / 56. 14.100"
echo "libavcodec     {library}.100 / {library}.100"
"""


@pytest.mark.parametrize("name", ["ffmpeg", "ffprobe"])
def test_ffmpeg_and_ffprobe(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program prints about itself is all that is looked at; the tests of videos run real ones of two ages."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (named(name).state, named(name).detail) == ("missing", "not on PATH")
    states = [("4.2.2", "58. 54", "ok"), ("N-106-gdeadbeef", "60.  3", "ok"), ("4.1.9", "58. 35", "problem")]
    for version, library, state in states:
        program = tmp_path / version / name
        program.parent.mkdir()
        program.write_text(PROGRAM.format(name=name, version=version, library=library))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/bin")
        assert named(name).state == state
        assert version in named(name).detail
    assert named(name).detail == f"{name} 4.1.9 ({program}) is too old, 4.2 or newer is needed"
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / name).write_text("#!/bin/sh\necho libavcodec.so.59 is missing >&2; exit 127\n")
    (tmp_path / "broken" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'broken'}:/bin")
    assert (named(name).state, "libavcodec.so.59 is missing" in named(name).detail) == ("problem", True)
