"""Tables for a paper, a page, a spreadsheet or a data frame."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from leaderboard.metric import Key, describe
from leaderboard.paper_table import BEST, SECOND, Table
from leaderboard.spreadsheet import SpreadsheetWriter

_COLUMNS = (
    *("table", "method", "source", "subset", "visibility", "metric", "threshold", "value", "low", "high"),
    *("mark", "not_ranked"),
)


def to_markdown(tables: Sequence[Table]) -> str:
    """Write tables as Markdown: best bold, second best underlined."""
    return "\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    forms = {BEST: "**{}**", SECOND: "<u>{}</u>", "": "{}"}
    notes = _footnotes(table)
    headings = ["method", *(_heading(table, k) for k in range(len(table.columns))), "source"]
    rows = [_md_row(headings), _md_row(["---", *["---:"] * len(table.columns), "---"])]
    for visibility, lines in table.blocks:
        rows.append(_md_row([f"*{visibility} joints*", *[""] * len(table.columns), ""]))
        for line in lines:
            note = f" [{notes.index(line.footnote) + 1}]" if line.footnote else ""
            cells = [forms[c.mark].format(c.text) for c in line.cells]
            rows.append(_md_row([_md(line.name) + note, *cells, _md(line.source or "record")]))
    below = [f"[{k}] not ranked: {_md(text)}" for k, text in enumerate(notes, start=1)]
    below += [f"Reported: {_md(text)}." for text in table.sources]
    title = f"**{_title(table)}**"
    return "\n".join([title, "", *rows, "", *(f"{text}  " for text in below)]) + "\n"


def _title(table: Table) -> str:
    return f"Table {table.name}. {_md(table.caption)}" if table.name.isdigit() else _md(table.caption)


def _heading(table: Table, k: int) -> str:
    title, _, key = table.columns[k]
    several = len({subset for _, subset, _ in table.columns}) > 1
    arrow = "" if key[0] == "pck" else (" ↑" if describe(key).higher_is_better else " ↓")
    name = f"@{key[1]:g}" if key[1] is not None and several else describe(key).title
    return f"{title} {name}" if several else f"{name}{arrow}"


def _footnotes(table: Table) -> list[str]:
    return list(dict.fromkeys(line.footnote for _, lines in table.blocks for line in lines if line.footnote))


def _md_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _md(text: str) -> str:
    """Escape Markdown and HTML markup, formulas between dollar signs, and what becomes a link by itself."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = "".join(f"\\{c}" if c in "\\`*_[]|#~$" else c for c in text)
    return _LINK.sub(lambda found: f"{found[1]}\\{found[2]}", text)


#: Start of an address in a text.
_LINK = re.compile(r"\b(https?|ftp|www)([:.])", re.IGNORECASE)

#: A row that starts with a bracket or a star would be read as an argument of the line break before it.
_TEX = {
    **{c: f"{{{c}}}" for c in "[]*"},
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\N{MINUS SIGN}": "$-$",
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(c, c) for c in " ".join(text.split()))


def to_latex(tables: Sequence[Table]) -> str:
    """Write tables as LaTeX with booktabs: best bold, second best underlined."""
    return "\n".join(_latex(table) for table in tables)


def _latex(table: Table) -> str:
    forms = {BEST: r"\textbf{{{}}}", SECOND: r"\underline{{{}}}", "": "{}"}
    n, notes = len(table.columns), _footnotes(table)
    titles = list(dict.fromkeys(title for title, _, _ in table.columns))
    each = n // len(titles)
    rows = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_tex(table.caption)}.{_thresholds(table)}{_reported(table)}}}",
        rf"\begin{{tabular}}{{l{'r' * n}}}",
        r"\toprule",
        " & ".join(["", *(rf"\multicolumn{{{each}}}{{c}}{{{_tex(title)}}}" for title in titles)]) + r" \\",
        " & ".join(["Method", *(_tex_heading(key) for _, _, key in table.columns)]) + r" \\",
    ]
    for visibility, lines in table.blocks:
        rows += [r"\midrule", rf"\multicolumn{{{n + 1}}}{{l}}{{\emph{{{visibility} joints}}}} \\"]
        for line in lines:
            note = rf"\textsuperscript{{{notes.index(line.footnote) + 1}}}" if line.footnote else ""
            ours = r" (re-run)" if line.is_own and table.sources else ""
            cells = [forms[c.mark].format(_tex(c.text)) for c in line.cells]
            rows.append(" & ".join([_tex(line.name) + ours + note, *cells]) + r" \\")
    rows += [r"\bottomrule", r"\end{tabular}"]
    rows += [
        rf"\par\footnotesize\textsuperscript{{{k}}}Not ranked: {_tex(text)}." for k, text in enumerate(notes, start=1)
    ]
    rows.append(r"\end{table}")
    return "\n".join(rows) + "\n"


def _tex_heading(key: Key) -> str:
    if key[1] is not None:
        return f"@{key[1]:g}"
    arrow = r"$\uparrow$" if describe(key).higher_is_better else r"$\downarrow$"
    return f"{_tex(describe(key).title)} {arrow}"


def _thresholds(table: Table) -> str:
    """Say what "@0.05" heads."""
    return r" @: PCK in \%, by threshold in box sides." if any(key[0] == "pck" for _, _, key in table.columns) else ""


def _reported(table: Table) -> str:
    return "".join(f" Reported rows: {_tex(text)}." for text in table.sources)


def to_csv(tables: Sequence[Table]) -> str:
    """Write tables as csv, one number per row."""
    stream = io.StringIO()
    writer = SpreadsheetWriter(stream)
    writer.write(_COLUMNS)
    for *words, threshold, value, low, high, mark, footnote in _rows(tables):
        numbers = ["" if number is None else f"{number:.10g}" for number in (threshold, value, low, high)]
        writer.write([*words, *numbers, mark, footnote])
    return stream.getvalue()


def to_parquet(tables: Sequence[Table]) -> bytes:
    """Write tables as Parquet, one number per row, with the columns of the csv.

    Raises:
        MissingRequirementError: If pandas is not installed.
    """
    from hint.frames import pandas as pd

    frame = pd.DataFrame(list(_rows(tables)), columns=list(_COLUMNS))
    content: bytes = frame.astype(dict.fromkeys(("threshold", "value", "low", "high"), float)).to_parquet(index=False)
    return content


def _rows(tables: Sequence[Table]) -> Iterator[tuple[Any, ...]]:
    for table in tables:
        for visibility, lines in table.blocks:
            for line in lines:
                for cell, (_, subset, (metric, threshold)) in zip(line.cells, table.columns, strict=True):
                    if cell.value is not None:
                        where = (table.name, line.name, line.source or "record", subset, visibility, metric)
                        yield *where, threshold, cell.value, cell.low, cell.high, cell.mark, line.footnote


FORMATS: dict[str, Callable[[Sequence[Table]], bytes]] = {
    "markdown": lambda tables: to_markdown(tables).encode(),
    "latex": lambda tables: to_latex(tables).encode(),
    "csv": lambda tables: to_csv(tables).encode(),
    "parquet": to_parquet,
}
