"""Levenberg-Marquardt for many hands at once, with angles that stop at their limits.

An angle at its limit that the objective pushes further is left out of the step (Bertsekas 1982, projected Newton
methods), so limits cost nothing and no angle leaves them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hint.fit.objective import Objective, Slope, State
from hint.fit.observation import Target

_FIRST_DAMPING, _LEAST, _MOST = 1e-2, 1e-6, 1e6
_RELAX, _TIGHTEN = 0.2, 5.0


def minimise(objective: Objective, start: State, target: Target, steps: int) -> tuple[State, Tensor]:
    """Return better states and their costs (B,), after a fixed number of steps."""
    state, slope = start, objective.slope(start, target)
    damping = torch.full_like(slope.cost, _FIRST_DAMPING)
    for _ in range(steps):
        tried = objective.step(state, _change(objective, state, slope, damping))
        found = objective.slope(tried, target)
        better = found.cost < slope.cost
        state, slope = tried.where(better, state), found.where(better, slope)
        damping = torch.where(better, damping * _RELAX, damping * _TIGHTEN).clamp(_LEAST, _MOST)
    return state, slope.cost


def _change(objective: Objective, state: State, slope: Slope, damping: Tensor) -> Tensor:
    held = objective.blocked(state, slope.gradient)
    free = (~held).to(slope.gradient.dtype)
    gradient = slope.gradient * free
    matrix = slope.curvature * free[:, :, None] * free[:, None, :]
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    # What no joint determines (the scale of a single joint, say) still gets a finite step.
    diagonal.add_(damping[:, None] * diagonal + 1e-6 + (1 - free))
    factor, _ = torch.linalg.cholesky_ex(matrix)
    return -torch.cholesky_solve(gradient[..., None], factor).squeeze(-1)
