"""`listener alerts`: list, deliver, resend, hold and release."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from listener.alerts import STATES, AlertRow, State, Verb
from listener.cli import Group, Session
from listener.cli.values import json_option, say
from listener.errors import ListenerError

if TYPE_CHECKING:
    from listener.app import App
    from listener.deliver import Delivered, Tried

HEADLINE: Final = 12
"""Words of a post that its alert is listed with."""

INDENT: Final = 8

ids_argument = click.argument("ids", metavar="ID…", type=int, nargs=-1)
rule_option = click.option("--rule", help="All alerts of this rule instead.")


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def alerts(context: click.Context, as_json: bool) -> None:
    """List the alerts, deliver what is due, send again, hold, release."""
    if context.invoked_subcommand is None:
        context.invoke(list_alerts, as_json=as_json)


@alerts.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only alerts in this state; dead ones were given up.")
@click.option("--rule", help="Only alerts of this rule.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@json_option
@click.pass_obj
def list_alerts(
    session: Session, state: State | None = None, rule: str | None = None, limit: int = 50, as_json: bool = False
) -> None:
    """List alerts, newest first, with what became of them."""
    rows = session.reader.alerts(state, rule, limit)
    if as_json:
        for row in rows:
            click.echo(json.dumps(alert_json(row), ensure_ascii=False))
        return
    if not rows:
        click.echo("No alerts. `listener rules` lists what makes them.")
        return
    now = session.app.now()
    _print_alerts(session.app, rows)
    counts = session.app.store.alert_counts()
    click.echo(", ".join(f"{counts[name]:,} {name}" for name in STATES if counts.get(name)) + f" · {now:%H:%M} UTC")


def alert_json(row: AlertRow) -> dict[str, str | int | None]:
    """Make the JSON object of an alert; times are ISO 8601 in UTC."""
    return {
        "id": row.id,
        "rule": row.rule_name,
        "post": row.post or None,
        "occasion": row.occasion or None,
        "channel": row.channel,
        "state": row.state,
        "priority": row.priority,
        "reason": row.reason,
        "at": row.at.isoformat(),
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "sent_at": row.sent_at.isoformat() if row.sent_at else None,
        "tries": row.tries,
        "possible_repeats": row.repeat,
        "error": row.error,
    }


def _print_alerts(app: "App", rows: "Sequence[AlertRow]") -> None:
    from rich.console import Console
    from rich.text import Text

    from listener.excerpts import excerpt
    from listener.wording import plain

    console = Console(highlight=False, emoji=False)
    posts = {stored.id: stored.post for stored in app.store.posts_by_id([row.post for row in rows if row.post])}
    for row in rows:
        post = posts.get(row.post)
        what = row.reason if post is None else excerpt(plain(post.title or post.text), HEADLINE)
        number = f"{row.id:>{INDENT - 2}}  "
        for text in (what, *_fate(row, app), *(() if post is None else (row.reason,))):
            for part in Text(plain(text)).wrap(console, max(console.width - INDENT, 20)):
                console.print(Text(number + part.plain.rstrip()), soft_wrap=True)
                number = " " * INDENT


def _fate(row: AlertRow, app: "App") -> tuple[str, ...]:
    """Say what became of an alert, and where it comes from; then what went wrong."""
    from listener.excerpts import ago

    due = ""
    if row.due_at is not None and row.state != "sending":
        due = f", due {row.due_at.astimezone(app.config.briefing.zone()):%a %H:%M}"
    parts = (f"{row.state}{due}", f"{row.rule_name} to {row.channel}", f"post {row.post}" if row.post else "")
    line = " · ".join((*filter(None, parts), ago(row.at, app.now())))
    return (line, row.error) if row.error else (line,)


@alerts.command()
@json_option
@click.pass_obj
def deliver(session: Session, as_json: bool) -> int:
    """Send what is due now, and end: what cron needs beside `listener poll`. Code 1: something did not arrive."""
    session.app.watch_rules()
    found = session.app.deliver()
    for tried in found.tried:
        if as_json:
            click.echo(json.dumps(_tried_json(tried), ensure_ascii=False))
        elif tried.outcome.kind != "sent":
            click.echo(f"listener: {tried.channel}: {_advice(tried)}", err=True)
    for trouble in found.troubles:
        click.echo(f"listener: {trouble}", err=True)
    for channel in found.slow:
        click.echo(
            f"listener: {channel}: no answer yet; whether it arrived is found out at the next delivery", err=True
        )
    if not as_json:
        click.echo(_summary(found))
    return 1 if found.failed or found.slow or found.troubles else 0


def _summary(found: "Delivered") -> str:
    from listener.wording import counted

    sent = [tried for tried in found.tried if tried.outcome.kind == "sent"]
    if not found.tried and not found.slow and not found.troubles:
        return "Nothing is due."
    return f"Sent {counted(sum(one.alerts for one in sent), 'alert')} in {counted(len(sent), 'message')}."


def _tried_json(tried: "Tried") -> dict[str, str | int | None]:
    return {
        "channel": tried.channel,
        "title": tried.title,
        "alerts": tried.alerts,
        "outcome": tried.outcome.kind,
        "detail": tried.outcome.detail or None,
        "state": tried.state,
    }


def _advice(tried: "Tried") -> str:
    """Say what is wrong with a message, and what follows."""
    from listener.wording import counted, plain

    follows = {
        "failed": "will be tried again by itself",
        "unknown": "tried again by itself as a possible repeat; `listener alerts list --state unknown` shows it",
        "dead": "given up; put it right, then `listener alerts list --state dead` and `listener alerts resend ID`",
    }
    what = plain(tried.outcome.detail) or tried.outcome.kind
    return f"{counted(tried.alerts, 'alert')}: {what}; {follows.get(tried.state or '', 'somebody else is at it')}"


@alerts.command()
@ids_argument
@json_option
@click.pass_obj
def resend(session: Session, ids: tuple[int, ...], as_json: bool) -> None:
    """Send alerts again with the next delivery, whatever became of them."""
    _change(session, "resend", ids, None, as_json=as_json)


@alerts.command()
@ids_argument
@rule_option
@json_option
@click.pass_obj
def hold(session: Session, ids: tuple[int, ...], rule: str | None, as_json: bool) -> None:
    """Keep alerts back until you release them."""
    _change(session, "hold", ids, rule, as_json=as_json)


@alerts.command()
@ids_argument
@rule_option
@json_option
@click.pass_obj
def release(session: Session, ids: tuple[int, ...], rule: str | None, as_json: bool) -> None:
    """Let held alerts go with the next delivery, those that wait for a digest too."""
    _change(session, "release", ids, rule, as_json=as_json)


def _change(session: Session, verb: Verb, ids: tuple[int, ...], rule: str | None, *, as_json: bool) -> None:
    from listener.wording import counted

    if not ids and rule is None:
        raise click.UsageError("say which alerts: their numbers" + ("" if verb == "resend" else ", or --rule NAME"))
    count = session.app.change_alerts(verb, ids, rule)
    if not count:
        none = {
            "hold": "none of these is still to be sent",
            "release": "none of these is held",
            "resend": "none of these can be sent again: it is on its way, or its post or its rule is gone",
        }
        raise ListenerError(f"{none[verb]}; `listener alerts list` shows them")
    done = {"hold": "Held", "release": "Released", "resend": "To be sent again:"}
    say(f"{done[verb]} {counted(count, 'alert')}", {"verb": verb, "alerts": count}, as_json=as_json)
