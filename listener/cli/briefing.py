"""`listener briefing`, and what is done with its posts: `done`, `star`, `snooze`, `undo`."""

import json
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from listener.cli import Command, Session
from listener.cli.values import DATE, MINUTES, SINCE, UNTIL
from listener.errors import StoreError
from listener.secrets import quoted

if TYPE_CHECKING:
    from listener.app import App
    from listener.briefing import Briefing
    from listener.store import KeptBriefing, MarkKind

FORMATS = ("text", "markdown", "html", "json")
HISTORY = 30
"""Briefings listed."""
STATES = {
    "made": "shown here",
    "waiting": "waits to be sent",
    "claimed": "is being sent",
    "sending": "is being sent",
    "sent": "sent",
    "failed": "not sent yet",
    "refused": "refused",
    "unknown": "nobody can say whether it arrived",
    "folded": "never sent; the next one told its news",
}
"""A briefing's state in words."""


@click.command(cls=Command)
@click.option("--minutes", type=MINUTES, help="How long reading it may take (default 10).")
@click.option("--since", type=SINCE, help="What arrived since 24h, 7d, or a date.  [default: 24h]")
@click.option("--circle", default="", metavar="NAME", help="Only what this circle of people talks about.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
@click.option("--preview", is_flag=True, help="Show exactly what --send would mail; keep nothing.")
@click.option("--send", is_flag=True, help="Mail today's briefing, once for each date.")
@click.option("--again", is_flag=True, help="With --send: also if it was sent.")
@click.option("--date", "on", type=DATE, help="Show the one that was made on 2026-11-20, or yesterday.")
@click.option("--history", is_flag=True, help="List those that were made, and what became of them.")
@click.pass_obj
def briefing(
    session: Session,
    minutes: float | None,
    since: datetime | None,
    circle: str,
    form: str,
    as_json: bool,
    out: Path | None,
    preview: bool,
    send: bool,
    again: bool,
    on: date | int | None,
    history: bool,
) -> int:
    """Print what your network talks about, the leads and the questions, inside the minutes you have."""
    ways = [
        name
        for name, given in (("--preview", preview), ("--send", send), ("--date", on), ("--history", history))
        if given
    ]
    if len(ways) > 1:
        raise click.UsageError(f"{ways[0]} and {ways[1]} do not go together")
    if ways and (minutes or since):
        raise click.UsageError(f"{ways[0]} takes no --minutes and no --since: your configuration says how long it is")
    form = "json" if as_json else form
    if history:
        _print_history(session.reader, circle, as_json=form == "json")
        return 0
    if circle and on is None:
        _check_circle(session.reader, circle)
    if send:
        return _send(session.app, circle, again=again)
    if preview:
        found = _previewed(session.app, circle)
    elif on is not None:
        app = session.reader
        found = _kept(app, app.day(on), circle)
    else:
        found = session.reader.brief(minutes, since, circle or None)
    _put(found, form, out)
    return 0


def _check_circle(app: "App", circle: str) -> None:
    known = app.store.people().all_circles()
    if circle not in known:
        there = f"there are: {', '.join(known)}" if known else "there are none; `listener people circle` makes one"
        raise StoreError(f"no circle is called {quoted(circle)}; {there}")


def _put(found: "Briefing", form: str, out: Path | None) -> None:
    from listener.app.briefings import as_text

    if out is None:
        print_briefing(found, form)
    else:
        text = as_text(found) if form == "text" else _written(found, form)
        out.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
        click.echo(f"Written to {out}")


def print_briefing(found: "Briefing", form: str) -> None:
    """Print a briefing in one of `FORMATS`."""
    if form != "text":
        click.echo(_written(found, form))
        return
    from rich.console import Console

    from listener import render

    render.text(found, Console(highlight=False, emoji=False))


def _written(found: "Briefing", form: str) -> str:
    from listener import records, render

    if form == "json":
        return json.dumps(records.as_json(found), ensure_ascii=False)
    return render.markdown(found) if form == "markdown" else render.html(found)


def _previewed(app: "App", circle: str) -> "Briefing":
    from listener.app.briefings import read

    kept = app.store.briefing(app.day(0), circle)
    if kept is not None and kept.sent_at is not None:
        click.echo(f"listener: {_told(app, kept)}; this is what --send --again would send", err=True)
    return app.compose_briefing(circle) if kept is None else read(kept)


def _kept(app: "App", on: date, circle: str) -> "Briefing":
    from listener.app.briefings import read

    return read(app.kept_briefing(on, circle))


def _send(app: "App", circle: str, *, again: bool) -> int:
    app.mailer()  # what is wrong with the settings is said before anything is made
    on = app.day(0)
    kept, _ = app.make_briefing(on, circle)
    tried = app.send_briefing(on, circle, by_hand=True, again=again)
    if tried is not None:
        told, is_sent = _told(app, tried), tried.state == "sent"
    else:
        now = app.store.briefing(on, circle) or kept
        told = f"{_told(app, now)}; --again sends it once more" if now.state in ("sent", "unknown") else _told(app, now)
        is_sent = now.state == "sent"
    click.echo(told if is_sent else f"listener: {told}", err=not is_sent)
    return 0 if is_sent else 1


def _told(app: "App", kept: "KeptBriefing") -> str:
    from listener.wording import plain

    zone = app.config.briefing.zone()

    name = f"the briefing of {kept.date}{f' for {kept.circle}' if kept.circle else ''}"
    why = f": {plain(kept.error)}" if kept.error else ""
    if kept.state == "sent" and kept.sent_at is not None:
        return f"{name} was sent at {kept.sent_at.astimezone(zone):%H:%M}{why}"
    again = f"; next try at {kept.next_try.astimezone(zone):%H:%M}" if kept.state == "failed" and kept.next_try else ""
    return f"{name}: {STATES[kept.state]}{why}{again}"


def tell_tried(app: "App", kept: "KeptBriefing") -> None:
    """Say on stderr, or stdout where all is well, how sending a briefing ended."""
    is_sent = kept.state == "sent"
    click.echo(_told(app, kept) if is_sent else f"listener: {_told(app, kept)}", err=not is_sent)
    sys.stdout.flush()


def _print_history(app: "App", circle: str, *, as_json: bool) -> None:
    from listener.cli.listing import print_rows
    from listener.wording import plain

    found = app.store.briefings(HISTORY, circle or None)
    if as_json:
        for one in found:
            click.echo(json.dumps(_row(one), ensure_ascii=False))
    elif not found:
        click.echo("None was made so far. `listener up` makes one at your hour; `listener briefing --send` one now.")
    else:
        zone = app.config.briefing.zone()
        heads = ("date", "circle", "made", "what became of it", "sent", "why")
        rows = [
            (
                one.date.isoformat(),
                plain(one.circle),
                f"{one.at.astimezone(zone):%H:%M}",
                STATES[one.state],
                f"{one.sent_at.astimezone(zone):%H:%M}" if one.sent_at else "",
                plain(one.error or ""),
            )
            for one in found
        ]
        print_rows(heads, rows)


def _row(one: "KeptBriefing") -> dict[str, object]:
    return {
        "date": one.date.isoformat(),
        "circle": one.circle,
        "made_at": one.at.isoformat(),
        "since": one.since.isoformat(),
        "state": one.state,
        "sent_at": one.sent_at.isoformat() if one.sent_at else None,
        "tries": one.tries,
        "repeats": one.repeat,
        "next_try": one.next_try.isoformat() if one.next_try else None,
        "error": one.error,
    }


posts_argument = click.argument("posts", type=click.IntRange(1), nargs=-1, required=True, metavar="POST…")


@click.command(cls=Command)
@posts_argument
@click.pass_obj
def done(session: Session, posts: tuple[int, ...]) -> None:
    """Say that you are through with posts: their stories come back only when they truly move."""
    _mark(session, posts, "done", "done")


@click.command(cls=Command)
@posts_argument
@click.pass_obj
def star(session: Session, posts: tuple[int, ...]) -> None:
    """Keep posts for good: they are never pruned, `is:starred` finds them."""
    _mark(session, posts, "star", "starred")


@click.command(cls=Command)
@posts_argument
@click.option("--until", type=UNTIL, default="tomorrow", show_default=True, help="3d, 2w, tomorrow, or a date.")
@click.pass_obj
def snooze(session: Session, posts: tuple[int, ...], until: date | int | timedelta) -> None:
    """Hear nothing of posts and their stories for some time."""
    app = session.app
    end = app.moment_of(until)
    if end <= app.now():
        raise click.UsageError("--until: that is over already")
    _mark(session, posts, "snooze", f"snoozed until {end.astimezone(app.config.briefing.zone()):%Y-%m-%d %H:%M}", end)


@click.command(cls=Command)
@posts_argument
@click.pass_obj
def undo(session: Session, posts: tuple[int, ...]) -> None:
    """Take back the last of done, star and snooze that you said of each post."""
    _check(session, posts)
    for post, kind in session.app.unmark_last(posts).items():
        click.echo(f"Post {post}: " + ("there was nothing to take back" if kind is None else f"{kind} taken back"))


def _mark(session: Session, posts: tuple[int, ...], kind: "MarkKind", word: str, until: datetime | None = None) -> None:
    _check(session, posts)
    session.app.mark(posts, kind, until)
    for post in dict.fromkeys(posts):
        click.echo(f"Post {post}: {word}")


def _check(session: Session, posts: tuple[int, ...]) -> None:
    known = {found.id for found in session.reader.store.posts_by_id(posts)}
    wrong = ", ".join(str(post) for post in dict.fromkeys(posts) if post not in known)
    if wrong:
        raise StoreError(
            f"there is no post {wrong}; a briefing and `listener posts` show the numbers; nothing was done"
        )
