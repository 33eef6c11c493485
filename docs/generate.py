"""Write the reference pages that are made from the program itself: `python -m docs.generate`.

`tests/test_docs.py` fails where a page is not what this writes.
"""

import ast
import inspect
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from listener.addressbook import OVERLAP
from listener.cli import cli
from listener.connector import Connector, connectors
from listener.policy import Policy, policies
from listener.services import SEND_S
from listener.webhooks import VERSION, WINDOW_S

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


CHANNELS = """\
# Channels

<!-- Written by `make docs` from `connectors/channels.toml`. Do not edit. -->

A channel is where alerts go. `listener channels add NAME URL` keeps one, in a file beside the store that only you may
read; `--test` tries it at once. A URL of `-` is read from standard input, so that it stands in no history. In the
configuration a channel is a `[[channels]]` entry whose `url` says `env:NAME` or `file:PATH`. `listener channels` lists
them with what each answered last, `channels log` shows every try, `channels resend NAME` sends again what was given up.

| address | is |
|---|---|
| `mail`, `mailto:you@example.org` | mail by `[mail]`, to all of `mail.to` or to one of them; a channel named `mail` is always there |
| `terminal` | a notice on the terminal that `listener up` runs in, and on the desktop where that can show it; always there |
| `http://…`, `https://…` | a signed webhook, see below |
| anything else | a service, by Apprise, as in the table |

What a post says is foreign: mentions, tags and addresses in it are broken by a thin space, markup is shown as it was
written, long texts are cut after a sentence. The only link in an alert is that of the post, with its domain to see.

## Services

Apprise runs in a process of its own, without the machine's proxies and files, and is ended after {seconds} s. A service
that does not answer holds up no other.

{services}
These parts may not stand in an address:

{parameters}
## What is refused

{refused}
## Webhooks

`channels add` prints a secret, once. Each message is one POST of JSON in UTF-8:

| field | holds |
|---|---|
| `version` | {version}; it grows with any change that a receiver could stumble over |
| `id` | the message's key, the same for every try |
| `channel`, `kind`, `title`, `lang` | the channel's name; `one`, `group` or `digest`; what it is about; its language, or null |
| `possible_repeat` | true: an earlier try may have arrived |
| `high`, `more` | of high priority; how many more alerts the message stands for |
| `items` | the alerts: `alert`, `post`, `rule`, `reason`, `headline`, `author`, `where`, `text`, `url`, `labels`, `goal`, `at`, `command` |

| header | holds |
|---|---|
| `Listener-Id`, `Idempotency-Key` | the `id`: drop what you have already |
| `Listener-Timestamp` | seconds since 1970; refuse what is more than {window} s away from now, it may be a replay |
| `Listener-Signature` | `v1=` and the HMAC-SHA-256 of `TIMESTAMP.BODY` in hexadecimal; two, parted by a comma, while the secret is changed |

Any 2xx is a yes. 408, 425, 429 and 5xx are tried again (`Retry-After` is obeyed), so are broken connections; any other
answer is a no for good, and so is a redirect. `listener channels rotate NAME` gives a new secret; for {overlap} days the old one
signs, too. A private address must stand in `network.allow_private`. A receiver in Python:

```python
import hashlib, hmac, json, time


def is_genuine(headers, body, secret):
    # `body` are the bytes as they came; names of headers are lower case.
    timestamp = headers.get("listener-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > {window}:
        return False
    signed = timestamp.encode() + b"." + body
    right = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    given = headers.get("listener-signature", "").split(",")
    if not any(hmac.compare_digest(right, one.strip()) for one in given):
        return False
    return json.loads(body)["id"] == headers.get("listener-id")
```
"""  # noqa: E501 rows of tables


def channels_page(table: Mapping[str, Any]) -> str:
    """Write `channels.md`: every service with an address, what is refused, how a webhook is checked."""
    rows = [(row["name"], f"`{row['example']}`", row["needs"]) for row in table["services"]]
    refused = [(", ".join(f"`{one}`" for one in row["schemes"]), row["because"]) for row in table["refused"]]
    filled = {
        "services": _table(("service", "written", "needs"), rows),
        "refused": _table(("scheme", "because"), refused),
        "parameters": _table(("part", "because"), [(f"`{name}=`", why) for name, why in table["parameters"].items()]),
        "seconds": f"{SEND_S:g}",
        "version": str(VERSION),
        "window": str(WINDOW_S),
        "overlap": str(OVERLAP.days),
    }
    page = CHANNELS
    for name, text in filled.items():
        page = page.replace(f"{{{name}}}", text)
    return page


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
    table = tomllib.loads((FOLDER.parent / "connectors" / "channels.toml").read_text(encoding="utf-8"))
    return {
        "connectors.md": connectors_page(connectors()),
        "commands.md": commands_page(),
        "channels.md": channels_page(table),
    }


def main() -> None:
    """Write all pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
