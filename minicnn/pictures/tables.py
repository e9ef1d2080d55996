"""Tables: rows of words and numbers, for people and for files."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Mapping, Sequence

import numpy as np

#: One row: {column: a word or a number}.
Row = Mapping[str, str | int | float]


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write rows of text in columns, the first flush left, the others flush right."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    lines = []
    for row in [headings, *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_csv(rows: Sequence[Row]) -> str:
    """Write rows as comma-separated values, under a line that names the columns; a column that a row has not stays empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_html(rows: Sequence[Row], most: int = 1000) -> str:
    """Write rows as a table of a web page, at most so many; words are escaped."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[*columns], *([_cell(row.get(name, "")) for name in columns] for row in rows[:most])]
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in line)}</tr>" for line in lines)
    left = f"<p>and {len(rows) - most:,} more</p>" if len(rows) > most else ""
    return f"<table>{body}</table>{left}"


def folded_table(summary: str, rows: Sequence[Row]) -> str:
    """Write a line for a web page under which a table unfolds."""
    return f"<details><summary>{html.escape(summary)}</summary>{as_html(rows)}</details>"


def _cell(value: str | int | float) -> str:
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
