"""Fixtures every test may ask for."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from fuzzing import drawn
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from hint.files import write_pairs
from hint.images import write_image
from hint.types import HandLabels

# A test fails for what it finds, not for how busy the machine is; and it finds the same every time.
settings.register_profile(
    "project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("project")

# Background jobs of a shell ignore Ctrl-C, and so would every program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
GOLDEN = Path(__file__).resolve().parent / "golden"

#: Tests that ask for one of these compare with the published code.
PARITY = {"golden", "official_adjacency"}


class ByFixtures(LoadScopeScheduling):
    """Keeps tests that share costly fixtures in one process: those of a folder with a conftest, else of a file.

    The marks of pytest-xdist for the same purpose have no effect with pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        folder = Path(file).parent
        shares = (ROOT / folder / "conftest.py").is_file() and folder.name not in ("tests", "hint")
        return str(folder) if shares else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFixtures:
    """Share out tests between processes."""
    return ByFixtures(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a parity test that skips in CI: there, nothing may go unproved."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and PARITY & set(item.fixturenames):
        report.outcome = "failed"
        report.longrepr = f"a parity test may not skip in CI: {call.excinfo.value if call.excinfo else ''}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and why, a line per reason."""
    if terminalreporter.config.option.collectonly:
        return
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", ()))
    terminalreporter.section("skipped")
    for reason, count in sorted(skipped.items()):
        terminalreporter.line(f"{count:5}  {reason}")
    if not skipped:
        terminalreporter.line("    0  every test ran")


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of reference arrays."""
    return GOLDEN


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real labels and photographs beside the checkout; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no real labels at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The package that writes made-up trees of the sources."""
    return drawn.synthetic()


@pytest.fixture(scope="session", autouse=True)
def hint_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of the tests' own, which leaves the user's as it is."""
    folder = tmp_path_factory.mktemp("hint_cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HINT_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def hint_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own, so that no weights of the user's change an outcome."""
    home = tmp_path_factory.mktemp("hint_home")
    monkeypatch.setenv("HINT_HOME", str(home))
    return home


def make_labels(n: int = 12, seed: int = 0, subset: str = "newdays", images: Path | None = None) -> HandLabels:
    """Draw ``n`` labelled hands, two to a clip; odd ones are left hands."""
    rng = np.random.default_rng(seed)
    side = ["r" if k % 2 == 0 else "l" for k in range(n)]
    ids = [f"ND_{seed:03d}_clip{k // 2:03d}_frame{k:06d}_{s}" for k, s in enumerate(side)]
    corner, size = rng.uniform(20, 120, (n, 2)), rng.uniform(40, 90, (n, 2))
    return HandLabels(
        hand_id=np.array(ids),
        clip_id=np.array([i[3:14] for i in ids]),
        subset=np.full(n, subset),
        box_xyxy=np.concatenate([corner, corner + size], axis=1),
        is_right=np.array([s == "r" for s in side]),
        keypoints_2d=corner[:, None] + rng.uniform(0, 1, (n, 21, 2)) * size[:, None],
        existence=rng.random((n, 21)) < 0.9,
        occlusion=rng.random((n, 21)) < 0.4,
        image=np.array([str(images / f"{i}.jpg") if images else "" for i in ids]),
    )


@pytest.fixture
def labels() -> HandLabels:
    """Twelve labelled hands without pictures."""
    return make_labels()


@pytest.fixture(scope="session")
def make() -> Callable[..., HandLabels]:
    """The function that draws labelled hands."""
    return make_labels


@pytest.fixture
def hint_root(tmp_path: Path) -> Path:
    """A HInt root with one folder of twelve pairs, pictures 240x200."""
    folder = tmp_path / "root" / "TEST_newdays_img"
    drawn = make_labels()
    write_pairs(folder, drawn)
    rng = np.random.default_rng(5)
    for hand_id in drawn.hand_id.tolist():
        write_image(folder / f"{hand_id}.jpg", rng.integers(0, 255, (200, 240, 3), dtype=np.uint8))
    return tmp_path / "root"
