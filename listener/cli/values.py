"""Kinds of value that a user types: a length of time, a label, a feed."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, cast

import click

from listener.types import LABELS, Label

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Since(click.ParamType[datetime]):
    """A length of time back from now (`90m`, `24h`, `7d`, `2w`), or a date (`2026-11-23`, `2026-11-23T07:30`)."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read the moment it means, in UTC."""
        if isinstance(value, datetime):
            return value
        found = re.fullmatch(r"([0-9]{1,9})([smhdw])", value.strip().lower())
        try:
            if found:
                return datetime.now(UTC) - timedelta(seconds=int(found[1]) * UNITS[found[2]])
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no length of time; say 90m, 24h, 7d, 2w, or a date such as 2026-11-23", param, ctx)


@dataclass(frozen=True, slots=True)
class Said:
    """What a user says of a post: that it carries a label, or serves a goal, or that it does not."""

    value: bool
    label: Label | None = None
    goal: str | None = None


class Verdict(click.ParamType[Said]):
    """What a user says of a post: `lead`, `not-lead`, `goal:NAME`, `not-goal:NAME`, and so on."""

    name = "verdict"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Said:
        """Give the label or the goal, and whether the post carries or serves it."""
        if isinstance(value, Said):
            return value
        name, goal = value.removeprefix("not-"), value.removeprefix("not-").removeprefix("goal:")
        if name not in LABELS and (name == goal or not goal):
            known = ", ".join(f"{label}, not-{label}" for label in LABELS)
            self.fail(f"{value!r} is no label; there are: {known}, goal:NAME, not-goal:NAME", param, ctx)
        return Said(name == value, label=name) if name in LABELS else Said(name == value, goal=goal)


class Day(click.ParamType["date | int"]):
    """A date (`2026-11-20`), or the days to one from today: `today`, `yesterday`, `tomorrow`."""

    name = "date"
    known: ClassVar = {"yesterday": -1, "today": 0, "tomorrow": 1}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date | int:
        """Give the date, or how many days it is from the user's today."""
        if not isinstance(value, str):
            return cast(date | int, value)
        if value.lower() in self.known:
            return self.known[value.lower()]
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date such as 2026-11-20", param, ctx)


class Until(click.ParamType["date | int | timedelta"]):
    """A length of time from now (`3h`, `3d`, `2w`), `tomorrow`, or a date."""

    name = "until"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date | int | timedelta:
        """Give the length, or the day that it ends with the beginning of."""
        if not isinstance(value, str):
            return cast(date | int | timedelta, value)
        found = re.fullmatch(r"([0-9]{1,5})([mhdw])", value.strip().lower())
        if found:
            return timedelta(seconds=int(found[1]) * UNITS[found[2]])
        try:
            return DATE.convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither 3h, 3d, 2w, tomorrow nor a date such as 2026-11-20", param, ctx)


class Minutes(click.FloatRange):
    """A number of minutes that somebody can read for."""

    name = "minutes"

    def __init__(self) -> None:
        super().__init__(1, 240)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read the number; `nan` lies in no range."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is no number of minutes", param, ctx)
        return found


SINCE = Since()
DATE = Day()
UNTIL = Until()
MINUTES = Minutes()
VERDICT = Verdict()
LABEL = click.Choice(LABELS)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def say(line: str, row: Mapping[str, object], *, as_json: bool) -> None:
    """Tell what was done, in words or as a JSON object."""
    click.echo(json.dumps(row, ensure_ascii=False) if as_json else line)
