"""The first notebook runs from top to bottom, on a smaller set than the one it shows."""

from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebooks" / "first_look.ipynb"


def test_the_first_look_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [cell for cell in cells if "n=24" in cell.source]
    assert len(shown) == 1
    shown[0].source = shown[0].source.replace("n=24", "n=6")
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    assert len(list(tmp_path.glob("hint-first-look/results/*/record.json"))) == 2
    assert cells[-1].outputs[0].data["image/png"]
