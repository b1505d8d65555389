"""Sigmas from annotating twice: known noise comes back, and files that cannot tell are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.agreement.result import write_agreement
from annotation.agreement.run import agreement
from benchmark.evaluate import evaluate
from benchmark.oks.protocol import load_oks_protocol
from benchmark.oks.sigmas import with_agreement
from hint.errors import InputError
from hint.types import HandLabels, Predictions

PROTOCOL = replace(load_oks_protocol(), replicates=20)


def doubles(make: Callable[..., HandLabels], out: Path, n: int = 400, noise: float = 0.03) -> Path:
    """Two annotations whose points scatter by ``noise`` roots of the box area, the wrist's three times as much."""
    labels, rng = make(n), np.random.default_rng(3)
    area = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).prod(1)
    spread = noise * np.sqrt(area)[:, None, None] * np.where(np.arange(21) == 0, 3, 1)[:, None]
    twice = [
        replace(labels, keypoints_2d=labels.keypoints_2d + spread * rng.normal(0, 1, (n, 21, 2))) for _ in range(2)
    ]
    return write(out, *twice)


def write(out: Path, *twice: HandLabels) -> Path:
    """Leave what ``hint agreement`` does, without its pictures."""
    write_agreement(out / "agreement.json", agreement(*twice))
    return out


@pytest.fixture(scope="module")
def measured(make: Callable[..., HandLabels], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``hint agreement``."""
    return doubles(make, tmp_path_factory.mktemp("agreement"))


def test_the_noise_of_the_annotators_comes_back(measured: Path, make: Callable[..., HandLabels]) -> None:
    protocol, remarks = with_agreement(PROTOCOL, measured)
    # Two coordinates: the expected square of a distance from the truth is twice the variance of one of them.
    assert protocol.sigmas == pytest.approx(np.sqrt(2) * 0.03 * np.where(np.arange(21) == 0, 3, 1), rel=0.1)
    assert remarks == ()
    assert protocol.sigma_source == "two annotators of 400 hands of 200 clips"
    labels = make(20)
    points = labels.keypoints_2d + np.random.default_rng(0).normal(0, 2, (20, 21, 2))
    strict = evaluate(labels, Predictions(labels.hand_id, points), PROTOCOL)
    ours = evaluate(labels, Predictions(labels.hand_id, points), PROTOCOL, agreement=measured / "agreement.json")
    assert ours.record.protocol.id == strict.record.protocol.id
    assert ours.record.protocol.sha256 == protocol.sha256 != strict.record.protocol.sha256
    assert [r.record.fingerprint["sigmas"] for r in (strict, ours)] == ["COCO-WholeBody", protocol.sigma_source]
    first, second = (r.record.value("newdays", "all", "oks_ar") for r in (strict, ours))
    assert first is not None
    assert second is not None
    assert first.value < second.value


def test_files_that_cannot_tell_are_refused(measured: Path, make: Callable[..., HandLabels], tmp_path: Path) -> None:
    content = json.loads((measured / "agreement.json").read_text())

    def changed(**values: Any) -> Path:
        joint = {**content["per_joint"][0], **values}
        path = tmp_path / "changed.json"
        path.write_text(json.dumps({**content, "per_joint": [joint, *content["per_joint"][1:]]}))
        return path

    for values, message in (
        ({"sigma": 0.0}, "sigma is not positive for wrist"),
        ({"sigma": None}, "earlier version.*repeat hint agreement"),
        ({"occlusion": {"value": 1.0, "n": 29, "ci": None}}, "too few doubles .* needs 30: wrist 29; annotate more"),
        ({"name": "ankle"}, "lacks wrist"),
        ({"sigma": "x"}, "not a result of hint agreement"),
        ({"sigma": 1e300}, "sigma: Input should be less than or equal to 1"),
        ({"name": "thumb_cmc"}, "names a joint twice"),
    ):
        with pytest.raises(InputError, match=message):
            with_agreement(PROTOCOL, changed(**values))
    for name, value in (("hands", 10**300), ("clips", -3), ("same_points", 1e300)):
        (tmp_path / "changed.json").write_text(json.dumps({**content, name: value}))
        with pytest.raises(InputError, match=rf"not a result of hint agreement: {name}: Input should be"):
            with_agreement(PROTOCOL, tmp_path / "changed.json")
    with pytest.raises(InputError, match="no such file"):
        with_agreement(PROTOCOL, tmp_path / "absent.json")
    with pytest.raises(InputError, match="too few doubles"):
        with_agreement(PROTOCOL, doubles(make, tmp_path / "few", n=12))
    labels = make(60)
    with pytest.raises(InputError, match="sigma is not positive"):
        with_agreement(PROTOCOL, write(tmp_path / "same", labels, labels))
