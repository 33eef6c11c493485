"""`listener channels`: where alerts go; added, tried, looked after."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from listener.cli import Group, Session
from listener.cli.values import json_option, say
from listener.errors import ListenerError

if TYPE_CHECKING:
    from listener.addressbook import Entry
    from listener.alerts import Delivery
    from listener.app.channelling import ChannelRow

name_argument = click.argument("name", metavar="NAME")


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def channels(context: click.Context, as_json: bool) -> None:
    """List where alerts may go, or add, test, look after and remove channels."""
    if context.invoked_subcommand is None:
        context.invoke(list_channels, as_json=as_json)


@channels.command("list")
@json_option
@click.pass_obj
def list_channels(session: Session, as_json: bool) -> None:
    """List the channels, how each is reached, and what it answered last."""
    from listener.cli.listing import print_rows

    rows = session.reader.channels()
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.as_json(), ensure_ascii=False))
        return
    now = session.app.now()
    told = [(row.name, row.way, row.shown, row.origin, row.fault or _last(row, now)) for row in rows]
    print_rows(("channel", "way", "address", "from", "last answer"), told)


def _last(row: "ChannelRow", now: Any) -> str:  # Any: a datetime, imported where it is used
    from listener.excerpts import ago
    from listener.wording import plain

    last = row.last
    return plain(f"{last.outcome} {ago(last.at, now)}: {last.detail or ''}".rstrip(": ")) if last else "nothing yet"


@channels.command()
@name_argument
@click.argument("url", metavar="URL")
@click.option("--test", "try_it", is_flag=True, help="Send a message that says it is a test.")
@json_option
@click.pass_obj
def add(session: Session, name: str, url: str, try_it: bool, as_json: bool) -> int:
    """Keep a channel: an http(s) URL is a signed webhook, `mail` goes out by [mail], others are Apprise URLs.

    A URL of `-` is read from standard input, so that it stands in no history. docs/channels.md lists the services.
    """
    if url == "-":
        url = sys.stdin.readline().strip()
    is_there = any(row.name == name for row in session.app.channels())
    entry = session.app.add_channel(name, url)
    if as_json:
        click.echo(json.dumps({"channel": entry.name, "secret": entry.secret}))
        return _try(session, name, as_json=True) if try_it else 0
    click.echo(f"Channel {entry.name} has another address now." if is_there else f"Kept channel {entry.name}.")
    default = session.app.default_channel()
    if default == entry.name:
        click.echo("It is your only channel: leads and questions that serve your goals go there.")
    elif default is None and not session.app.config.goals:
        click.echo("Name what you want to reach in [[goals]] to have leads and questions that serve it go there.")
    elif default is None:
        click.echo('Say [alerts] channel = "NAME" in the configuration to have leads and questions go to one of them.')
    _tell_secret(entry)
    return _try(session, name) if try_it else 0


def _tell_secret(entry: "Entry") -> None:
    if entry.secret is not None:
        click.echo(f"Its receiver checks signatures with this secret, shown now and never again:\n{entry.secret}")


@channels.command()
@name_argument
@json_option
@click.pass_obj
def test(session: Session, name: str, as_json: bool) -> int:
    """Send a message that says it is a test; code 1: it did not arrive."""
    return _try(session, name, as_json=as_json)


def _try(session: Session, name: str, *, as_json: bool = False) -> int:
    from listener.wording import plain

    outcome = session.app.test_channel(name)
    if as_json:
        click.echo(json.dumps({"channel": name, "outcome": outcome.kind, "detail": outcome.detail or None}))
        return 0 if outcome.kind == "sent" else 1
    told = {
        "sent": "sent",
        "failed": "not sent, though another try may help",
        "unknown": "nobody can say whether it arrived",
        "refused": "refused",
    }
    line = f"{name}: {told[outcome.kind]}" + (f" ({plain(outcome.detail)})" if outcome.detail else "")
    click.echo(line, err=outcome.kind != "sent")
    return 0 if outcome.kind == "sent" else 1


@channels.command("log")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@json_option
@click.pass_obj
def log_(session: Session, name: str | None, limit: int, as_json: bool) -> None:
    """List what a channel answered to each message, or every channel, newest first."""
    from listener.cli.listing import print_rows
    from listener.wording import counted, plain

    found = session.reader.channel_log(name, limit)
    if as_json:
        for one in found:
            click.echo(json.dumps(delivery_json(one), ensure_ascii=False))
        return
    if not found:
        click.echo("Nothing was sent yet.")
        return
    zone = session.app.config.briefing.zone()
    rows = [
        (
            f"{one.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            one.channel,
            one.outcome,
            counted(one.alerts, "alert") if one.alerts else "no alert",
            f"{one.took_ms:,} ms" if one.took_ms is not None else "",
            plain(one.detail or ""),
        )
        for one in found
    ]
    print_rows(("at", "channel", "outcome", "carried", "took", "answer"), rows)


def delivery_json(one: "Delivery") -> dict[str, str | int | None]:
    """Make the JSON object of a delivery; times are ISO 8601 in UTC."""
    row: dict[str, str | int | None] = {"at": one.at.isoformat(), "channel": one.channel, "outcome": one.outcome}
    return row | {"detail": one.detail, "alerts": one.alerts, "took_ms": one.took_ms, "message": one.message}


@channels.command()
@name_argument
@json_option
@click.pass_obj
def resend(session: Session, name: str, as_json: bool) -> None:
    """Send again, with the next delivery, what this channel never got: dead alerts, and those of unknown end."""
    from listener.wording import counted

    count = session.app.resend_channel(name)
    if not count:
        raise ListenerError(f"{name}: no alert was given up; `listener alerts list` shows what waits")
    say(f"To be sent again: {counted(count, 'alert')}", {"channel": name, "alerts": count}, as_json=as_json)


@channels.command()
@name_argument
@json_option
@click.pass_obj
def rotate(session: Session, name: str, as_json: bool) -> None:
    """Give a webhook a new secret; for a week each message is signed with the old one, too."""
    entry = session.app.rotate_channel(name)
    if as_json:
        click.echo(json.dumps({"channel": entry.name, "secret": entry.secret}))
    else:
        _tell_secret(entry)


@channels.command()
@name_argument
@json_option
@click.pass_obj
def remove(session: Session, name: str, as_json: bool) -> None:
    """Forget a channel and its secrets; what was to go there is given up when it is tried next."""
    session.app.remove_channel(name)
    rules = [rule for rule, channel in session.app.lost_ways() if channel == name]
    say(f"Removed channel {name}.", {"channel": name, "rules": rules}, as_json=as_json)
    if rules and not as_json:
        click.echo(
            f"Rules that go there still: {', '.join(rules)}; `listener rules edit NAME --channel OTHER` turns them."
        )
