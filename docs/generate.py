"""Write the reference pages that are made from the program itself: `python -m docs.generate`.

`tests/test_docs.py` fails where a page is not what this writes.
"""

import ast
import inspect
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from listener.cli import cli
from listener.connector import Connector, connectors
from listener.policy import Policy, policies

FOLDER = Path(__file__).parent

INTRODUCTION = """\
# Connectors

<!-- Written by `make docs` from what each connector says of itself. Do not edit. -->

A connector reads one platform; any number of feeds may use it. `listener feeds add` takes what you would paste: the
address of a page, or one of the forms below. In the configuration the same feed is `connector = "…"` and `query = "…"`
under `[[feeds]]`, and a connector's settings stand under `[connectors.NAME]`.
"""


def connectors_page(kinds: Mapping[str, type[Connector]]) -> str:
    """Write `connectors.md`: one table of all connectors, then a section for each."""
    rows = [
        (f"[`{name}`](#{name})", k.traits.reads, k.traits.needs or "no key", _price(k)) for name, k in kinds.items()
    ]
    parts = [INTRODUCTION, _table(("connector", "reads", "needs", "costs"), rows)]
    parts += [_section(name, kind) for name, kind in kinds.items()]
    table = tomllib.loads((FOLDER.parent / "connectors" / "policy.toml").read_text(encoding="utf-8"))
    parts.append(_policies(sorted(policies(table).rows.items())))
    return "\n".join(parts)


COMMANDS = """\
# Commands

<!-- Written by `make docs` from the program's own help. Do not edit. -->

`--config FILE`, `--store URL` and `--verbose` work on every command, before or after its name. Exit codes: 0 done,
1 failed (the reason on stderr), 2 wrong usage or configuration (naming the key). Listings take `--json`.
"""


def commands_page() -> str:
    """Write `commands.md`: the help of every command, as the program prints it."""
    parts = [COMMANDS]
    for name in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        parts.append(_help(f"listener {name}", command))
        inner = command.commands if isinstance(command, click.Group) else {}
        parts += [_help(f"listener {name} {part}", found) for part, found in inner.items()]
    return "\n".join(parts)


def _help(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100)
    return f"## {name}\n\n```\n{command.get_help(context)}\n```\n"


def _section(name: str, kind: type[Connector]) -> str:
    traits = kind.traits
    lines = [
        f"## {name}\n",
        f"{inspect.cleandoc(kind.__doc__ or '')}\n",
        f"Polled every {_minutes(traits.interval_s)} until the feed's own pace is known.",
    ]
    lines += [f"Limits: {traits.limit}."] if traits.limit else []
    if traits.credentials:
        lines += ["\nWhat it needs:\n", *(f"{number}. {step}" for number, step in enumerate(traits.credentials, 1))]
    if traits.examples:
        lines += ["\nWhat you may paste:\n", *(f"- `{example}`" for example in traits.examples)]
    if traits.files:
        lines += ["\nFiles that `listener import` takes:\n", "```", *traits.files, "```"]
    lines += ["\nSettings:\n", _table(("setting", "default", "means"), _settings(kind))]
    return "\n".join(lines)


def _settings(kind: type[Connector]) -> list[tuple[str, str, str]]:
    meanings: dict[str, str] = {}
    for model in reversed(kind.settings_model.__mro__):
        if model.__module__.startswith(("listener", "connectors")):
            meanings |= _meanings(model)
    found = kind.settings_model.model_fields.items()
    return [(f"`{name}`", _default(field.default), meanings.get(name, "")) for name, field in found]


def _meanings(model: type) -> dict[str, str]:
    """Find the strings under the fields of a class, which Python itself forgets."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            found[statement.target.id] = inspect.cleandoc(str(after.value.value)) if is_text else ""
    return found


def _policies(policies: Iterable[tuple[str, Policy]]) -> str:
    rows = [
        (
            f"`{platform}`",
            _yes(policy.store_text) if policy.keep_days is None else f"{policy.keep_days} days",
            _yes(policy.link_identities),
            _yes(policy.lead_profiles),
            _yes(policy.redistribute),
            " ".join(part for part in (_retired(policy), policy.attribution, policy.note) if part),
        )
        for platform, policy in policies
    ]
    heads = ("platform", "keep the text", "link identities", "profiles of leads", "pass on", "what stands behind it")
    return f"## What each platform allows\n\n`listener policy` prints the same.\n\n{_table(heads, rows)}"


def _retired(policy: Policy) -> str:
    return f"**Retired**, {policy.retired}." if policy.retired else ""


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _price(kind: type[Connector]) -> str:
    traits = kind.traits
    prices = [f"{price:g} {traits.currency} a {unit}" for unit, price in (traits.prices or {}).items()]
    return ", ".join(prices) or "nothing"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minutes"


def _default(value: object) -> str:
    return "none" if value is None else f"`{value}`"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def pages() -> dict[str, str]:
    """Give every page that is made here: file name to text."""
    return {"connectors.md": connectors_page(connectors()), "commands.md": commands_page()}


def main() -> None:
    """Write all pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
