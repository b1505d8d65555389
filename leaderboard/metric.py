"""Titles, units and formats of the metrics in records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

#: Decimals beyond which nothing is shown.
_MOST_DECIMALS = 8

#: Identifies a number of a record: its metric, and the threshold of a PCK.
Key = tuple[str, float | None]


@dataclass(frozen=True)
class Metric:
    """A kind of number.

    Attributes:
        title: Heading of a column.
        unit: "%", "mm", "px", "/s²" and "/s³" of box sides, or "" for shares.
        decimals: Digits after the point, as in the paper.
        higher_is_better: Whether larger values are better.
    """

    title: str
    unit: str
    decimals: int
    higher_is_better: bool

    @property
    def with_unit(self) -> str:
        """Return the title and, if there is one, the unit."""
        return f"{self.title} in {self.unit}" if self.unit else self.title

    def text(self, value: float) -> str:
        """Format a value, without its unit."""
        return fixed(value, self.decimals)

    def telling(self, pairs: Iterable[tuple[float, float]]) -> Metric:
        """Return the metric with as many decimals as it takes to tell the two numbers of every pair apart."""
        decimals = self.decimals
        for a, b in pairs:
            while a != b and fixed(a, decimals) == fixed(b, decimals) and decimals < _MOST_DECIMALS:
                decimals += 1
        return replace(self, decimals=decimals)


_KNOWN = {
    "pck": Metric("PCK", "%", 1, True),
    "auc": Metric("AUC", "%", 1, True),
    "epe_mean_px": Metric("mean error", "px", 1, False),
    "epe_median_px": Metric("median error", "px", 1, False),
    "accel_error": Metric("acceleration error", "/s²", 3, False),
    "accel_coverage": Metric("acceleration computed", "%", 1, True),
    "jitter": Metric("jitter", "/s³", 3, False),
    "jitter_ground_truth": Metric("jitter of labels", "/s³", 3, False),
    "jitter_coverage": Metric("jitter computed", "%", 1, True),
    "oks_ap": Metric("OKS AP", "%", 1, True),
    "oks_ap50": Metric("OKS AP@0.5", "%", 1, True),
    "oks_ap75": Metric("OKS AP@0.75", "%", 1, True),
    "oks_ar": Metric("OKS AR", "%", 1, True),
    "oks_ap_any_side": Metric("OKS AP, any side", "%", 1, True),
    "oks_ar_any_side": Metric("OKS AR, any side", "%", 1, True),
    "pa_mpjpe_mm": Metric("PA-MPJPE", "mm", 1, False),
    "pa_mpvpe_mm": Metric("PA-MPVPE", "mm", 1, False),
    "auc_j": Metric("AUC joints", "", 3, True),
    "auc_v": Metric("AUC vertices", "", 3, True),
    "f_at_5mm": Metric("F@5", "", 3, True),
    "f_at_15mm": Metric("F@15", "", 3, True),
}

#: Main metrics besides the PCK, in the order of columns.
COLUMNS = (
    *("auc", "auc_j", "pa_mpjpe_mm", "auc_v", "pa_mpvpe_mm", "f_at_5mm", "f_at_15mm"),
    *("oks_ap", "oks_ap50", "oks_ap75", "oks_ar", "oks_ap_any_side", "oks_ar_any_side"),
    *("epe_mean_px", "epe_median_px", "accel_error", "accel_coverage", "jitter", "jitter_ground_truth"),
)


def describe(key: Key) -> Metric:
    """Describe a metric; unknown ones, of other versions, keep their own name and count as higher-is-better."""
    name, threshold = key
    metric = _KNOWN.get(name, Metric(name, "", 3, not name.endswith(("_mm", "_px"))))
    if threshold is None:
        return metric
    return Metric(f"{metric.title}@{threshold:g}", metric.unit, metric.decimals, metric.higher_is_better)


def fixed(value: float, decimals: int, sign: bool = False) -> str:
    """Format a number with a true minus sign, and no sign before zero."""
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    return text.replace("-", "\N{MINUS SIGN}")


def count(number: float) -> str:
    """Abbreviate a large count: 670 M, 12.3 M, 950."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:g}"
