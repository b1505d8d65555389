"""The mesh of the made hand: rings on a palm, four fingers and a thumb, laid on the field and evened out.

The palm is a tube of 13 rings of 20 vertices. It ends in four openings of 8 vertices that share their sides (the webs),
and has one opening of 10 on the thumb's side; every digit is a tube closed by one tip vertex. Sixteen vertices at the
wrist stay open. That makes 778 vertices and 1538 triangles for any proportions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hint.mano.model import N_VERTICES, TIP_VERTICES
from hint.mano.procedural import field as flesh
from hint.mano.procedural.anatomy import CUT_X, DIGITS, Finger
from hint.skeleton import FINGERS

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_WRIST, _COLUMNS, _ROWS = 16, 20, 13
_LONG = FINGERS[1:]

#: Columns of the palm where the thumb leaves it, and its first and last row there.
_THUMB_COLUMNS, _THUMB_ROWS = (18, 19, 0), (3, 6)

#: Vertices other methods read fingertips from, per digit; the first is MANO's own.
_TIP_IDS = {
    "thumb": (TIP_VERTICES[0], 745, 728),
    "index": (TIP_VERTICES[1], 317, 353),
    "middle": (TIP_VERTICES[2], 444, 445, 442),
    "ring": (TIP_VERTICES[3], 556, 576),
    "little": (TIP_VERTICES[4], 673, 694),
}


@dataclass(eq=False)
class Surface:
    """A growing mesh.

    Attributes:
        points: Vertex positions in order of creation.
        faces: Triangles.
        rings: Vertex ids of every ring, by part name; a digit's last ring is its tip vertex.
    """

    points: list[Array] = field(default_factory=list)
    faces: list[tuple[int, int, int]] = field(default_factory=list)
    rings: dict[str, list[list[int]]] = field(default_factory=dict)

    def add(self, points: Array) -> list[int]:
        """Append (P,3) points and return their ids."""
        start = len(self.points)
        self.points.extend(points)
        return list(range(start, start + len(points)))

    def quad(self, a: int, b: int, c: int, d: int) -> None:
        """Add a quad, split along its shorter diagonal."""
        p = self.points
        if np.linalg.norm(p[a] - p[c]) <= np.linalg.norm(p[b] - p[d]):
            self.faces += [(a, b, c), (a, c, d)]
        else:
            self.faces += [(a, b, d), (b, c, d)]

    def bridge(self, near: list[int], far: list[int]) -> None:
        """Join two loops of equal length that run the same way."""
        n = len(near)
        for i in range(n):
            self.quad(near[i], near[(i + 1) % n], far[(i + 1) % n], far[i])


def _finger_stops(f: Finger) -> Array:
    """Return ring distances along a long finger, dense at the joints and at the tip."""
    a, b, c = f.lengths
    first = (0.65, 0.82, 0.94) if f.name != "little" else (0.80, 0.94)
    return np.concatenate(
        [
            a * np.array(first),
            a + b * np.array([0.07, 0.28, 0.55, 0.80]),
            a + b + c * np.array([-0.03, 0.20, 0.45, 0.68, 0.87]),
        ]
    )


def _thumb_stops(f: Finger) -> Array:
    a, b, c = f.lengths
    near = a * np.array([0.58, 0.74, 0.90])
    middle = a + b * np.array([0.04, 0.24, 0.48, 0.74])
    return np.concatenate([near, middle, a + b + c * np.array([-0.02, 0.18, 0.42, 0.66, 0.86])])


def _ring(f: Finger, distance: float, angles: Array) -> Array:
    """Return where rays around a digit's bone leave its flesh; angle 0 is the thumb's side, 90 degrees the nail."""
    direction = np.outer(np.cos(angles), f.frame[0]) + np.outer(np.sin(angles), f.frame[1])
    return flesh.digit(f.name).shoot(np.broadcast_to(f.at(distance), direction.shape), direction)


def _knuckle_line(ahead: float) -> Array:
    """Return (9,3) points across the fingers: outer side, then finger and gap in turn, thumb side first."""
    centres = [DIGITS[name].at(ahead) for name in _LONG]
    gaps = [(a + b) / 2 for a, b in pairwise(centres)]
    first = centres[0] + np.array([0.0, -0.001, 0.0090])
    last = centres[-1] - np.array([0.0, 0.001, 0.0075])
    return np.stack([first, centres[0], gaps[0], centres[1], gaps[1], centres[2], gaps[2], centres[3], last])


def _palm_end() -> Array:
    """Return (20,3) guesses for the last palm ring."""
    up, side = np.array([0.0, 0.013, 0.0]), np.array([0.0, 0.0, 0.003])
    back = _knuckle_line(0.012) + up
    front = _knuckle_line(0.019) - up
    middle = _knuckle_line(0.0155)
    return np.concatenate([middle[:1] + side, back, middle[-1:] - side, front[::-1]])


def _palm_start() -> Array:
    """Return (20,3) guesses for the first palm ring, just below the wrist."""
    angle = np.deg2rad(np.arange(20) * 18.0)
    return np.stack([np.full(20, 0.1005), 0.001 + 0.018 * np.sin(angle), 0.003 + 0.027 * np.cos(angle)], 1)


def _palm_rings(surface: Surface) -> None:
    start, end = _palm_start(), _palm_end()
    for row in range(_ROWS):
        share = row / (_ROWS - 1)
        guess = flesh.palm().project(start + share * (end - start), 12)
        surface.rings.setdefault("palm", []).append(surface.add(guess))


def _wrist_ring(surface: Surface) -> None:
    angles = np.deg2rad(np.arange(_WRIST) * 360.0 / _WRIST)
    direction = np.stack([0 * angles, np.sin(angles), np.cos(angles)], 1)
    ring = flesh.palm().shoot(np.broadcast_to([CUT_X, 0.001, 0.002], direction.shape), direction)
    surface.rings["wrist"] = [surface.add(ring)]


def _opening(surface: Surface, webs: list[int], k: int) -> list[int]:
    """Return the loop of 8 the k-th long finger starts from, thumb side first."""
    last = surface.rings["palm"][-1]
    backs, fronts = last[1:10], last[11:20][::-1]
    d, p = backs[2 * k : 2 * k + 3], fronts[2 * k : 2 * k + 3]
    return [webs[k], *d, webs[k + 1], *p[::-1]]


def _thumb_opening(surface: Surface) -> list[int]:
    rows, (a, b) = surface.rings["palm"], _THUMB_ROWS
    low, mid, high = _THUMB_COLUMNS
    down = [rows[r][high] for r in range(b, a, -1)]
    up = [rows[r][low] for r in range(a + 1, b)]
    return [rows[b][low], *up[::-1], rows[a][low], rows[a][mid], rows[a][high], *down[::-1], rows[b][mid]]


def _digit(surface: Surface, f: Finger, opening: list[int], stops: Array, angles: Array) -> None:
    rings = [surface.add(_ring(f, float(stop), angles)) for stop in stops]
    tip = surface.add(flesh.digit(f.name).shoot(f.at(f.stops[3] - 0.008)[None], f.frame[2][None]))
    surface.rings[f.name] = [*rings, tip]
    for near, far in zip([opening, *rings[:-1]], rings, strict=True):
        surface.bridge(near, far)
    last = rings[-1]
    surface.faces += [(last[i], last[(i + 1) % len(last)], tip[0]) for i in range(len(last))]


def _palm_faces(surface: Surface) -> None:
    rows, (first, last) = surface.rings["palm"], _THUMB_ROWS
    holes = {(r, c) for r in range(first, last) for c in _THUMB_COLUMNS[:2]}
    for r in range(_ROWS - 1):
        for c in range(_COLUMNS):
            if (r, c) not in holes:
                n = (c + 1) % _COLUMNS
                surface.quad(rows[r][c], rows[r][n], rows[r + 1][n], rows[r + 1][c])


def _cuff(surface: Surface) -> None:
    """Join the wrist's 16 vertices to the palm's 20."""
    near, far = surface.rings["wrist"][0], surface.rings["palm"][0]
    i = j = 0
    while i < len(near) or j < len(far):
        a, b = near[i % len(near)], far[j % len(far)]
        if j / len(far) <= i / len(near) and j < len(far):
            j += 1
            surface.faces.append((a, far[j % len(far)], b))
        else:
            i += 1
            surface.faces.append((a, near[i % len(near)], b))


def _thumb_angles(surface: Surface, f: Finger, opening: list[int]) -> Array:
    """Return ten even ring angles, turned so that the first ring faces the opening's vertices."""
    target = np.stack([surface.points[i] for i in opening])
    turns = np.arange(10) * np.pi / 5 + np.arange(60)[:, None] * np.pi / 30
    first = np.stack([_ring(f, _thumb_stops(f)[0], angles) for angles in turns])
    best: Array = turns[((first - target) ** 2).sum((1, 2)).argmin()]
    return best


def neighbour_mean(faces: Index, n: int) -> sparse.csr_matrix:
    """Return the (n,n) matrix that replaces each vertex by the mean of its neighbours."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    graph = sparse.csr_matrix((np.ones(len(edges)), edges.T), shape=(n, n))
    graph.data[:] = 1.0
    return sparse.diags(1.0 / np.asarray(graph.sum(1)).ravel()) @ graph


def _even_out(points: Array, faces: Index, free: Index, steps: int = 30) -> Array:
    """Slide free vertices along the surface to the middle of their neighbours."""
    average = neighbour_mean(faces, len(points))[free]
    body = flesh.hand()
    for _ in range(steps):
        points[free] = body.project(0.4 * points[free] + 0.6 * (average @ points), 1)
    points[free] = body.project(points[free], 4)
    return points


def _free(surface: Surface) -> Index:
    """Return the vertices that may slide: palm, webs and the roots of the digits."""
    rings = surface.rings["palm"] + surface.rings["web"] + surface.rings["thumb"][:3]
    rings += [surface.rings[name][0] for name in _LONG]
    return np.array(sorted({i for ring in rings for i in ring}), dtype=np.int64)


def _assemble() -> Surface:
    surface = Surface()
    _wrist_ring(surface)
    _palm_rings(surface)
    gaps = _knuckle_line(0.024)[2:8:2] - np.array([0.0, 0.004, 0.0])
    surface.rings["web"] = [surface.add(flesh.hand().project(gaps, 12))]
    end = surface.rings["palm"][-1]
    webs = [end[0], *surface.rings["web"][0], end[10]]
    for k, name in enumerate(_LONG):
        f = DIGITS[name]
        _digit(surface, f, _opening(surface, webs, k), _finger_stops(f), np.deg2rad(np.arange(8) * 45.0))
    thumb, opening = DIGITS["thumb"], _thumb_opening(surface)
    _digit(surface, thumb, opening, _thumb_stops(thumb), _thumb_angles(surface, thumb, opening))
    _palm_faces(surface)
    _cuff(surface)
    return surface


def _order(surface: Surface) -> Index:
    """Return which made vertex each final id takes: fingertip ids as MANO has them, the rest in order of creation."""
    order = np.full(N_VERTICES, -1)
    for name, ids in _TIP_IDS.items():
        *_, last, tip = surface.rings[name]
        order[list(ids)] = [*tip, *last][: len(ids)]
    used = np.unique(np.array(surface.faces))
    order[order < 0] = np.setdiff1d(used, order)
    return order


def _renumbered(surface: Surface, order: Index) -> Surface:
    """Return the surface with final ids; vertices inside the thumb's opening are dropped."""
    new = {int(old): i for i, old in enumerate(order)}
    return Surface(
        [surface.points[i] for i in order],
        [(new[a], new[b], new[c]) for a, b, c in surface.faces],
        {name: [[new[i] for i in ring if i in new] for ring in rings] for name, rings in surface.rings.items()},
    )


def hand_surface() -> tuple[Array, Index, Surface]:
    """Make the rest mesh.

    Returns:
        (778,3) vertices, (1538,3) triangles, and the rings they were made of.
    """
    surface = _assemble()
    surface = _renumbered(surface, _order(surface))
    faces = np.array(surface.faces, dtype=np.int64)
    return _even_out(np.stack(surface.points), faces, _free(surface)), faces, surface
