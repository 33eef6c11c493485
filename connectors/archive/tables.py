"""The rows of an archive: CSV of any dialect, JSON Lines, a JSON array; one at a time, never the whole file."""

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from connectors.archive import columns
from connectors.archive.files import line_of, opened

HEADER_LINES: Final = 10
"""The header stands in one of the first lines; notes may come before it."""
FIELD_CHARS: Final = 1_000_000
ITEM_CHARS: Final = 4_000_000
"""Most characters of one object in an array."""
SAMPLE_CHARS: Final = 2_000
_DELIMITERS: Final = ",;\t|"
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Row:
    """One row, numbered as a person counts; `values` None: it could not be read, and `trouble` says why."""

    number: int
    values: Mapping[Any, Any] | None
    trouble: str = ""
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a file is written."""

    form: str
    delimiter: str = ","
    header_line: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What a file's beginning says of it."""

    kind: Kind | None
    """None: it is no archive of ours."""
    are_posts: bool
    """True: it has columns that posts have, though perhaps none that names the platform."""


def look(path: Path, *, is_told: bool = False) -> Look:
    """Look at a file's beginning; `is_told`: the user says which platform it is of."""
    with opened(path) as text:
        lines = [line_of(text) for _ in range(HEADER_LINES)]
    best, kind, are_posts = 0, None, False
    for names, one in _headings(path, lines):
        count = columns.known(names, is_told=is_told)
        if count > best:
            best, kind = count, one
        are_posts = are_posts or columns.are_posts(names)
    return Look(kind, are_posts)


def _headings(path: Path, lines: list[str]) -> Iterator[tuple[Collection[Any], Kind]]:
    """Yield what may be the names of columns, and what the file would be then."""
    start = "".join(lines).lstrip()
    if start.startswith("["):
        yield _first_of_array(path), Kind("array")
    elif start.startswith("{"):
        yield _object(next(line for line in lines if line.strip())) or (), Kind("lines")
    else:
        for number, line in enumerate(lines):
            for delimiter in _DELIMITERS:
                yield _cells(line, delimiter), Kind("csv", delimiter, number)


def rows(path: Path, kind: Kind) -> Iterator[Row]:
    """Read all rows of a file, numbered from 1 without the header."""
    with opened(path) as text:
        if kind.form == "csv":
            yield from _of_csv(text, kind)
        else:
            yield from _of_array(text) if kind.form == "array" else _of_lines(text)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _of_csv(text: io.TextIOWrapper, kind: Kind) -> Iterator[Row]:
    csv.field_size_limit(FIELD_CHARS)
    for _ in range(kind.header_line):
        line_of(text)
    header = _cells(line_of(text), kind.delimiter)
    reader = csv.reader(iter(lambda: line_of(text), ""), delimiter=kind.delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, None, f"no row of a table ({error})")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        sample = kind.delimiter.join(cells)[:SAMPLE_CHARS]
        if len(cells) > len(header):
            yield Row(number, None, f"{len(cells)} cells under {len(header)} headings; is a quote missing?", sample)
        else:
            yield Row(number, dict(zip(header, cells, strict=False)), sample=sample)


def _of_lines(text: io.TextIOWrapper) -> Iterator[Row]:
    for number, line in enumerate(iter(lambda: line_of(text), ""), 1):
        if line.strip():
            values = _object(line)
            yield Row(number, values, "" if values is not None else "no JSON object", line[:SAMPLE_CHARS])


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _first_of_array(path: Path) -> Mapping[Any, Any]:
    with opened(path) as text:
        first = next(_of_array(text), None)
    return (first.values if first else None) or {}


def _of_array(text: io.TextIOWrapper) -> Iterator[Row]:
    """Take object after object off the front of what was read; one that is never whole ends the reading."""
    decoder, held, number = json.JSONDecoder(), "", 0
    chunks = chain(iter(lambda: text.read(max(_CHUNK, len(held))), ""), ("",))
    for chunk in chunks:
        held += chunk.replace("\0", "")
        at = 0
        while True:
            at = _next_item(held, at, is_first=number == 0)
            if at >= len(held) or held[at] == "]":
                break
            try:
                found, end = decoder.raw_decode(held, at)
            except RecursionError:
                yield Row(number + 1, None, "nested too deep; what follows was not read", held[at : at + SAMPLE_CHARS])
                return
            except ValueError:
                break
            number += 1
            is_object = isinstance(found, dict)
            sample = held[at : min(end, at + SAMPLE_CHARS)]
            yield Row(number, found if is_object else None, "" if is_object else "no JSON object", sample)
            at = end
        held = held[at:]
        if held[:1] == "]":
            return
        if not chunk or len(held) > ITEM_CHARS:
            yield Row(number + 1, None, "no whole JSON object; what follows was not read", held[:SAMPLE_CHARS])
            return


def _next_item(held: str, at: int, *, is_first: bool) -> int:
    signs = " \t\r\n,[\ufeff" if is_first else " \t\r\n,"
    while at < len(held) and held[at] in signs:
        at += 1
    return at
