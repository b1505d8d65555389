"""What to cite for a method and for the dataset, and where paper and code are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from hint.files.named_toml import parse_toml
from hint.types import MethodCard

#: An arXiv number in a citation, after its name.
_ARXIV = re.compile(r"\barxiv[ :]*(\d{4}\.\d{4,5})\b", re.IGNORECASE)
_ADDRESS = re.compile(r"https://[^\s<>\"'`\\]+")
#: BibTeX counts braces whether or not a backslash is before them, so a text may hold none of its own.
_TEX = {
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"{": r"\textbraceleft{}", "}": r"\textbraceright{}"},
}


@dataclass(frozen=True)
class Citation:
    """Addresses of paper and code, and a BibTeX entry; "" for what is not known."""

    paper: str = ""
    code: str = ""
    bibtex: str = ""


def dataset_citation() -> Citation:
    """Return what to cite for HInt."""
    return _known()["dataset"]


def cite(card: MethodCard, by_name: bool = True) -> Citation:
    """Return what to cite for a method: the entry of a method of the toolkit, else what its card says.

    Args:
        card: Of the method.
        by_name: Whether its name may be that of a method of the toolkit; a stranger's file may have any.
    """
    known = _known().get(f"method {card.name.removesuffix('-mano')}") if by_name else None
    return known or Citation(_address(card.paper), _address(card.code), _bibtex(card))


@cache
def _known() -> dict[str, Citation]:
    table = parse_toml(files("leaderboard").joinpath("citations.toml").read_bytes())
    citations = {
        f"method {name}": Citation(row["paper"], row["code"], row["bibtex"].strip())
        for row in table["methods"]
        for name in row["names"]
    }
    dataset = table["dataset"]
    return citations | {"dataset": Citation(dataset["paper"], dataset["code"], dataset["bibtex"].strip())}


def _address(paper: str) -> str:
    """Return the address in a citation, or that of the arXiv number in it."""
    if found := _ADDRESS.search(paper):
        address = found.group().rstrip(".,;)")
        try:
            return address if urlsplit(address).hostname else ""
        except ValueError:
            return ""
    number = _ARXIV.search(paper)
    return f"https://arxiv.org/abs/{number[1]}" if number else ""


def _bibtex(card: MethodCard) -> str:
    """Write an entry for a paper of which only one line is known."""
    if not card.paper:
        return ""
    key = re.sub(r"[^a-z0-9]+", "", card.title.lower())[:40] or "method"
    return f"@misc{{{key},\n  title = {{{_tex(card.title)}}},\n  note = {{{_tex(card.paper)}}}\n}}"


def _tex(text: str) -> str:
    return "".join(_TEX.get(c, f"\\{c}" if c in "&%$#_" else c) for c in " ".join(text.split()))
