"""`listener why` and `mute`: what stops an alert, and what the user wants to hear nothing of."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from listener.cli import Command, Group, Session
from listener.cli.posts import find_post
from listener.cli.values import json_option, say

if TYPE_CHECKING:
    from listener.app import App
    from listener.app.ruling import Walked

MUTES: Final = ("word", "person", "domain", "feed")


@click.command(cls=Command)
@click.argument("post", type=int)
@json_option
@click.pass_obj
def why(session: Session, post: int, as_json: bool) -> None:
    """Walk every rule for POST: matched or not, which part decided, and what became of each alert."""
    walked = session.reader.why(find_post(session, post))
    print_walks(walked, as_json=as_json)
    if not walked and not as_json:
        click.echo("There are no rules about posts; `listener rules add` makes one.")


def print_walks(walked: "Sequence[Walked]", *, as_json: bool, whole: bool = False) -> None:
    """Print each rule with the steps that it passed, up to the one that stopped it, or all (`whole`)."""
    from listener.wording import plain

    for found in walked:
        if as_json:
            _echo(walked_json(found))
            continue
        stop = found.stop
        click.echo(f"{plain(found.row.rule.name)}: " + ("matches" if stop is None else f"no, by {stop.step}"))
        for verdict in found.verdicts:
            if verdict.why:
                click.echo(f"  {'✓' if verdict.passes else '✗'} {verdict.step:<9} {plain(verdict.why)}")
            if verdict is stop and not whole:
                break
        for alert in found.alerts:
            click.echo(f"  alert {alert.id} to {plain(alert.channel)}: {fate(alert)}")


def fate(alert: Any) -> str:
    """Say what became of an alert (Any: an AlertRow, which would be imported for its name alone)."""
    from listener.wording import plain

    at = alert.sent_at or alert.due_at
    when = "" if at is None else f" {'at' if alert.sent_at else 'due'} {at:%Y-%m-%d %H:%M} UTC"
    return f"{alert.state}{when}" + (f": {plain(alert.error)}" if alert.error else "")


def walked_json(found: "Walked") -> dict[str, object]:
    """Make the JSON object of a rule held against a post."""
    stop = found.stop
    return {
        "rule": found.row.rule.name,
        "matches": stop is None,
        "stopped_by": None if stop is None else stop.step,
        "steps": [{"step": one.step, "passes": one.passes, "why": one.why} for one in found.verdicts],
        "alerts": [
            {
                "id": alert.id,
                "channel": alert.channel,
                "state": alert.state,
                "reason": alert.reason,
                "due_at": None if alert.due_at is None else alert.due_at.isoformat(),
                "sent_at": None if alert.sent_at is None else alert.sent_at.isoformat(),
                "error": alert.error,
            }
            for alert in found.alerts
        ],
    }


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def mute(context: click.Context, as_json: bool) -> None:
    """List, add and remove what you want to hear nothing of; a mute stands above every rule."""
    if context.invoked_subcommand is None:
        context.invoke(list_mutes, as_json=as_json)


@mute.command("list")
@json_option
@click.pass_obj
def list_mutes(session: Session, as_json: bool) -> None:
    """List the mutes."""
    from listener.wording import plain

    found = session.reader.store.mutes()
    for one in found:
        if as_json:
            _echo({"kind": one.kind, "value": one.value})
        else:
            click.echo(plain(f"{one.kind}:{one.value}"))
    if not found and not as_json:
        click.echo("Nothing is muted.")


@mute.command("add")
@click.argument("what", metavar="KIND:VALUE", nargs=-1, required=True)
@json_option
@click.pass_obj
def add_mute(session: Session, what: tuple[str, ...], as_json: bool) -> None:
    """Mute a word or a phrase, a person, a domain or a feed: word:giveaway, domain:example.com."""
    for text in what:
        found = session.app.mute_of(*_mute(session.app, text))
        new = session.app.store.mute(found, session.app.now())
        line = f"{found.kind}:{found.value} is muted" + ("" if new else " already")
        say(line, {"kind": found.kind, "value": found.value, "muted": True, "changed": new}, as_json=as_json)


@mute.command("remove")
@click.argument("what", metavar="KIND:VALUE", nargs=-1, required=True)
@json_option
@click.pass_obj
def remove_mute(session: Session, what: tuple[str, ...], as_json: bool) -> int:
    """Take mutes back."""
    missing = 0
    for text in what:
        found = session.app.mute_of(*_mute(session.app, text))
        gone = session.app.store.unmute(found)
        missing += not gone
        if as_json:
            _echo({"kind": found.kind, "value": found.value, "muted": False, "changed": gone})
        else:
            click.echo(f"{found.kind}:{found.value} " + ("is heard again" if gone else "was not muted"), err=not gone)
    return 1 if missing else 0


def _mute(app: "App", text: str) -> tuple[str, str]:
    kind, colon, value = text.partition(":")
    if not colon or kind not in MUTES:
        raise click.UsageError(f"{text!r}: say {', '.join(f'{one}:VALUE' for one in MUTES)}")
    return kind, str(app.find_feed(value).feed.id) if kind == "feed" else value


def _echo(found: object) -> None:
    click.echo(json.dumps(found, ensure_ascii=False))
