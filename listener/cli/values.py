"""Kinds of value that a user types: a length of time, a label, a feed."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

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


class Verdict(click.ParamType[tuple[Label, bool]]):
    """What a user says of a post: `lead`, `not-lead`, and so on."""

    name = "verdict"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Label, bool]:
        """Give the label, and whether the post carries it."""
        for label in LABELS:
            if value in (label, f"not-{label}"):
                return label, value == label
        known = ", ".join(f"{label}, not-{label}" for label in LABELS)
        self.fail(f"{value!r} is no label; there are: {known}", param, ctx)
        return None


SINCE = Since()
VERDICT = Verdict()
LABEL = click.Choice(LABELS)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
