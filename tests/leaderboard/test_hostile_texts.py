"""Texts of strangers in every form a board writes: none is a formula, a command, a link or another's name."""

import csv
import io
import re
from dataclasses import replace

import pytest

from benchmark.card import CardError, is_shown_as_it_is, parse_card
from hint.methods.oracle_noise import CARD
from leaderboard.citation import cite
from leaderboard.paper_table import Line, Printed, Table
from leaderboard.site.tables import DataTable
from leaderboard.table_formats import to_csv, to_latex, to_markdown


def table(name: str) -> Table:
    line = Line(name, "", (Printed("1.0", 1.0),), name)
    return Table("newdays", name, (("New Days", "newdays", ("pck", 0.05)),), (("all", (line,)),), ())


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", " =1", "\uff1d1+1", "%0A=1", "|x"])
def test_a_spreadsheet_runs_no_text(text: str) -> None:
    [row] = csv.DictReader(io.StringIO(to_csv([table(text)])))
    assert (row["method"], row["not_ranked"], row["value"]) == (f"'{text}", f"'{text}", "1")
    files = dict(DataTable("a", "A", ("method", "value"), ((text, -1.5), ("-1.5", None))).files())
    rows = list(csv.reader(io.StringIO(files["tables/a.csv"].decode())))
    assert rows == [["method", "value"], [f"'{text}", "-1.5"], ["-1.5", ""]]


def test_latex_takes_no_text_for_a_command_or_the_argument_of_a_line_break() -> None:
    text = to_latex([table(r"[-500pt]*\input{/etc/passwd}\write18{x}$")])
    assert not any(command in text for command in (r"\input", r"\write18", "\n[", "\n*", "passwd}"))
    assert "{[}-500pt{]}{*}" in text


def test_a_bibtex_entry_ends_where_it_should() -> None:
    evil = "a}, url={https://evil.example}}\n@misc{b, title={x"
    bibtex = cite(replace(CARD, title=evil, paper=evil), by_name=False).bibtex
    depths = [0]
    for character in bibtex:  # BibTeX counts braces, with a backslash before them or not
        depths.append(depths[-1] + (character == "{") - (character == "}"))
    assert depths[-1] == 0
    assert 0 not in depths[bibtex.index("{") + 1 : -1]
    assert depths[bibtex.index("url=")] == 2


def test_markdown_shows_no_link_and_no_formula() -> None:
    text = to_markdown([table("https://evil.example www.evil.example $\\color{red}x$ ![a](b) </td>")])
    assert not re.search(r"https?:|www\.|</td>|(?<!\\)[$\[\]]", text.split("\n| ")[-1].split(" [1] |")[0])
    assert r"https\://evil" in text


def code_points(text: str) -> str:
    """Write out characters that cannot be seen or look alike."""
    return " ".join(f"U+{ord(character):04X}" for character in text)


@pytest.mark.parametrize(
    "title",
    [
        *("Ha\u200bMeR", "Ha\u00adMeR", "HaMeR\U000e0041", "a\u202eb", "a\u2028b", "a\ue000b", "\u3164", "\u2800"),
        *("a" + 9 * "\u0335", "H\u0430MeR", "\u041daMeR", "\u0397aMeR", "\uff28aMeR", "HaMeR2\u0430"),
    ],
    ids=code_points,
)
def test_a_title_cannot_be_seen_as_another(title: str) -> None:
    assert not is_shown_as_it_is(title)
    with pytest.raises(CardError, match="visible"):
        parse_card(f'title = "{title}"'.encode())


@pytest.mark.parametrize(
    "title",
    ["HaMeR", "\u03bcNet", "\u041c\u043e\u0434\u0435\u043b\u044c Net", "\u624b Net", "Zo\u00eb", "\u0928\u093f"],
    ids=code_points,
)
def test_names_of_all_languages_are_fine(title: str) -> None:
    assert is_shown_as_it_is(title)
    assert parse_card(f'title = "{title}"'.encode()).title == title


@pytest.mark.parametrize("name", ["HInt", "hint (train)", "HInt-NewDays", "FreiHAND+HInt"])
def test_a_card_that_names_hint_says_so(name: str) -> None:
    with pytest.raises(CardError, match="trained_on_hint"):
        parse_card(f'title = "x"\ntraining_data = ["{name}"]\ntrained_on_hint = false'.encode())
    assert parse_card(b'title = "x"\ntraining_data = ["Hints"]').training_data == ("Hints",)
