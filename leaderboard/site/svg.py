"""Small drawings as SVG text: curves with bands, and a hand coloured by score. Line colours come from the CSS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hint.skeleton import BONES, JOINT_NAMES

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 40

#: A right hand seen from its back, drawn by eye: (x, y) of the 21 joints.
_HAND = (
    *((150, 292), (100, 262), (70, 222), (46, 186), (26, 152)),
    *((110, 172), (101, 122), (96, 84), (92, 48)),
    *((150, 162), (150, 106), (150, 64), (150, 26)),
    *((188, 170), (196, 118), (201, 80), (205, 46)),
    *((222, 188), (240, 150), (252, 122), (262, 94)),
)

#: Ends of the colours from low to high, Oklab-like steps from dark blue over teal to yellow; distinct in grey too.
_SCALE = ((48, 18, 84), (42, 72, 136), (32, 120, 140), (60, 168, 112), (160, 204, 60), (250, 228, 60))


@dataclass(frozen=True)
class Line:
    """A curve in a chart.

    Attributes:
        name: In the legend.
        x: Thresholds.
        y: Percent.
        low: Lower edge of a band, () without one.
        high: Upper edge.
        style: CSS class: "c0", "c1", ... or "human".
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    style: str = "c0"


def chart(lines: Sequence[Line], label: str) -> Markup:
    """Draw PCK over thresholds.

    Args:
        lines: Curves; the longest one sets the range.
        label: Text for screen readers.
    """
    end = max((line.x[-1] for line in lines), default=0.3)
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(_WIDTH, _HEIGHT, label),
        *_grid(end),
        *(_band(line, end) for line in lines if line.low),
        *(_line(line, end) for line in lines),
        *(_legend(line, k, len(lines)) for k, line in enumerate(lines)),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


def _at(x: float, y: float, end: float) -> str:
    px = _LEFT + x / end * (_WIDTH - _LEFT - _RIGHT)
    py = _TOP + (1 - y / 100) * (_HEIGHT - _TOP - _BOTTOM)
    return f"{px:.1f},{py:.1f}"


def _grid(end: float) -> list[Markup]:
    heights = [(percent, float(_at(0, percent, end).split(",")[1])) for percent in (0, 20, 40, 60, 80, 100)]
    places = [(end * k / 6, float(_at(end * k / 6, 0, end).split(",")[0])) for k in range(7)]
    lines = "".join(f"M{_LEFT} {y:g}H{_WIDTH - _RIGHT}" for _, y in heights)
    middle_x, middle_y = (_LEFT + _WIDTH - _RIGHT) / 2, (_TOP + _HEIGHT - _BOTTOM) / 2
    bottom = _HEIGHT - _BOTTOM + 17
    return [
        Markup('<path class="grid" d="{}"/><g text-anchor="end">').format(lines),
        *(Markup('<text x="{}" y="{:g}">{}</text>').format(_LEFT - 6, y + 4, text) for text, y in heights),
        Markup('</g><g text-anchor="middle">'),
        *(Markup('<text x="{:g}" y="{}">{:.3g}</text>').format(x, bottom, text) for text, x in places),
        Markup('<text x="{:g}" y="{}">threshold, box sides</text>').format(middle_x, _HEIGHT - 6),
        Markup('<text transform="translate(12 {:g}) rotate(-90)">PCK, %</text></g>').format(middle_y),
    ]


def _band(line: Line, end: float) -> Markup:
    there = [_at(x, y, end) for x, y in zip(line.x, line.high, strict=True)]
    back = [_at(x, y, end) for x, y in zip(line.x, line.low, strict=True)]
    return Markup('<polygon class="band {}" points="{}"/>').format(line.style, " ".join([*there, *reversed(back)]))


def _line(line: Line, end: float) -> Markup:
    points = " ".join(_at(x, y, end) for x, y in zip(line.x, line.y, strict=True) if x <= end)
    return Markup('<polyline class="line {}" points="{}"/>').format(line.style, points)


def _legend(line: Line, k: int, n: int) -> Markup:
    """Put names at the lower right, where rising curves leave room."""
    y = _HEIGHT - _BOTTOM - 12 - 17 * (n - 1 - k)
    right = _WIDTH - _RIGHT - 8
    return Markup(
        '<line class="line {}" x1="{}" y1="{}" x2="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>'
    ).format(line.style, right - 22, y - 4, right, y - 4, right - 28, y, line.name)


def hand(values: Sequence[float | None], label: str) -> Markup:
    """Draw the 21 joints of a hand, coloured and labelled by percentage; joints without a value stay empty.

    Args:
        values: 21 percentages in the order of the skeleton.
        label: Text for screen readers.
    """
    parts = [Markup('<svg class="hand" viewBox="0 0 292 316" role="img" aria-label="{}">').format(label)]
    bones = "".join("M{} {}L{} {}".format(*_HAND[a], *_HAND[b]) for a, b in BONES)
    parts.append(Markup('<path class="bone" d="{}"/><g text-anchor="middle">').format(bones))
    for (x, y), name, value in zip(_HAND, JOINT_NAMES, values, strict=True):
        parts.append(_joint(x, y, name, value))
    return Markup("").join([*parts, Markup("</g></svg>")])


def _joint(x: int, y: int, name: str, value: float | None) -> Markup:
    if value is None:
        return Markup('<circle class="empty" cx="{}" cy="{}" r="15"><title>{}: none</title></circle>').format(
            x, y, name
        )
    colour = _colour(value / 100)
    ink = "#fff" if _luminance(colour) < 0.18 else "#000"
    return Markup(
        '<circle cx="{}" cy="{}" r="15" fill="{}"><title>{}: {}%</title></circle>'
        '<text x="{}" y="{}" fill="{}">{}</text>'
    ).format(x, y, "#{:02x}{:02x}{:02x}".format(*colour), name, f"{value:.1f}", x, y + 4, ink, f"{value:.0f}")


def _colour(share: float) -> tuple[int, int, int]:
    place = min(max(share, 0.0), 1.0) * (len(_SCALE) - 1)
    k = min(int(place), len(_SCALE) - 2)
    r, g, b = (round(a + (b - a) * (place - k)) for a, b in zip(_SCALE[k], _SCALE[k + 1], strict=True))
    return r, g, b


def _luminance(colour: tuple[int, int, int]) -> float:
    """Return the relative luminance, as WCAG defines it for contrast."""
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
