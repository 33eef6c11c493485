"""Rows that can be read at any width: a table where there is room, else a block under each row's name."""

from collections.abc import Sequence
from typing import Final

WIDE: Final = 120
"""Columns of a terminal from which a table is drawn."""
SHORT: Final = 24
"""Values up to so many characters share a line of a block."""


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows whose first value is their name; empty values are left out of a block."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, emoji=False)
    if console.width >= WIDE:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(Text(value) for value in row))
        console.print(table)
        return
    for name, *values in rows:
        console.print(Text(name, style="bold"))
        for line in _lines(headings[1:], values, console.width - 2):
            for part in Text(line).wrap(console, console.width - 2):
                console.print(Text("  ") + Text(part.plain.rstrip()), soft_wrap=True)


def _lines(headings: Sequence[str], values: Sequence[str], width: int) -> list[str]:
    """Fill lines with short values, in their order; a long value has a line of its own."""
    lines: list[str] = []
    is_open = False
    for heading, value in zip(headings, values, strict=True):
        text, is_short = f"{heading}: {value}", len(value) <= SHORT
        if not value:
            continue
        if is_short and is_open and len(lines[-1]) + len(text) + 3 <= width:
            lines[-1] += f" · {text}"
        else:
            lines.append(text)
        is_open = is_short
    return lines
