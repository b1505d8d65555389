"""A page of the site: address, template and context. Everything rendered is escaped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hint.bootstrap import Interval
from leaderboard.metric import Metric, count, fixed
from leaderboard.names import slug


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        path: Below the site.
        template: File of the template.
        title: Of the window.
        context: Variables of the template.
    """

    path: str
    template: str
    title: str
    context: dict[str, Any]

    def render(self) -> bytes:
        """Render the template."""
        root = "../" * self.path.count("/")
        text = _environment().get_template(self.template).render(title=self.title, root=root, **self.context)
        return (text.rstrip() + "\n").encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("leaderboard.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"brief": count, "signed": signed, "commas": lambda number: f"{number:,}", "slug": slug}
    return environment


def signed(value: float, decimals: int = 1) -> str:
    """Format a difference with its sign."""
    return fixed(value, decimals, sign=True)


def interval_text(ci: Interval | None, metric: Metric, sign: bool = False) -> str:
    """Format an interval in brackets, "" if there is none."""
    if ci is None:
        return ""
    return f"[{fixed(ci.low, metric.decimals, sign)}, {fixed(ci.high, metric.decimals, sign)}]"
