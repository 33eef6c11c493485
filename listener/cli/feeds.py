"""`listener feeds`: list, add, remove, check, change, import and export."""

import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from listener.cli import Group, Session
from listener.cli.values import json_option
from listener.errors import ConnectorError, ListenerError, Refused
from listener.types import Feed, FeedState

if TYPE_CHECKING:
    from listener.app import App, Checked
    from listener.opml import OpmlFeed
    from listener.upkeep import Filled


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def feeds(context: click.Context, as_json: bool) -> None:
    """List the feeds, or add, remove, check, change, import and export them."""
    if context.invoked_subcommand is None:
        context.invoke(list_feeds, as_json=as_json)


@feeds.command("list")
@json_option
@click.pass_obj
def list_feeds(session: Session, as_json: bool) -> None:
    """List the feeds with their health and their next poll."""
    from listener.wording import counted

    states = session.reader.store.feeds()
    if as_json:
        for state in states:
            click.echo(json.dumps(feed_json(state), ensure_ascii=False))
        return
    if not states:
        click.echo("No feeds yet. Add one: listener feeds add https://example.org/blog")
        return
    _print_table(states, session.app.now())
    for line in session.app.spending_lines():
        click.echo(line)
    gaps = session.app.store.gaps()
    if gaps:
        click.echo(f"{counted(len(gaps), 'gap')}, where posts may be missing: listener feeds gaps, listener feeds fill")


def feed_json(state: FeedState) -> dict[str, Any]:
    """Make the JSON object of a feed; times are ISO 8601 in UTC."""

    def when(moment: datetime | None) -> str | None:
        return None if moment is None else moment.isoformat()

    feed = state.feed
    return {
        "id": feed.id,
        "connector": feed.connector,
        "query": feed.query,
        "platform": feed.platform,
        "title": feed.title,
        "folder": feed.folder,
        "posts": state.posts,
        "health": "paused" if state.paused else state.health,
        "error": state.error,
        "failures": state.failures,
        "interval_s": state.fixed_interval_s or state.interval_s,
        "next_poll_at": when(None if state.paused else state.next_poll_at),
        "last_success_at": when(state.last_success_at),
        "last_new_at": when(state.last_new_at),
    }


def _print_table(states: Sequence[FeedState], now: datetime) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from listener.render import ago, plain

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, style in (("", "dim"), ("feed", ""), ("posts", "cyan"), ("health", ""), ("last post", "dim")):
        table.add_column(heading, style=style, overflow="fold")
    for state in states:
        health = "paused" if state.paused else state.health
        colour = {"fresh": "green", "new": "blue", "quiet": "yellow", "paused": "dim"}.get(health, "red")
        name = Text(plain(state.feed.title or state.feed.query))
        if state.error:
            name.append(f"\n{plain(state.error)}", style="dim")
        newest = ago(state.recent[0], now) if state.recent else "–"
        table.add_row(str(state.feed.id), name, str(state.posts), Text(health, style=colour), newest)
    Console().print(table)


@feeds.command()
@click.argument("names", metavar="[FEED…]", nargs=-1)
@json_option
@click.pass_obj
def gaps(session: Session, names: tuple[str, ...], as_json: bool) -> None:
    """List where posts may be missing, and between which."""
    from listener.wording import plain

    app = session.reader
    feeds_ = [app.find_feed(name).feed.id for name in names]
    found = [gap for gap in app.store.gaps() if not feeds_ or gap.feed_id in feeds_]
    for gap in found:
        if as_json:
            row = {"id": gap.id, "feed": gap.feed_id, "seen_at": gap.seen_at.isoformat(), "reason": gap.reason}
            click.echo(json.dumps(row | {"older": gap.older, "newer": gap.newer}, ensure_ascii=False))
        else:
            click.echo(f"gap {gap.id}, feed {gap.feed_id}, seen {gap.seen_at:%Y-%m-%d %H:%M} UTC: {plain(gap.reason)}")
    if not found and not as_json:
        click.echo("No gaps: nothing is known to be missing.")


@feeds.command()
@click.argument("names", metavar="[FEED…]", nargs=-1)
@json_option
@click.pass_obj
def fill(session: Session, names: tuple[str, ...], as_json: bool) -> int:
    """Try to close the gaps of these feeds, or all: what is missing is fetched where the platform goes back so far."""
    app = session.app
    found = app.fill([app.find_feed(name).feed.id for name in names] or None)
    if not found and not as_json:
        click.echo("No gaps: nothing is known to be missing.")
    for filled in found:
        click.echo(_filled_json(filled) if as_json else _filled(filled))
    return 0 if all(filled.closed for filled in found) else 1


def _filled(filled: "Filled") -> str:
    from listener.wording import counted

    end = "closed" if filled.closed else f"still open: {_shown(filled.reason or 'no reason given')}"
    mark = "✓" if filled.closed else "✗"
    return f"{mark} {filled.gap.feed_id} {_name(filled.feed)}: {counted(filled.new, 'new post')}, {end}"


def _filled_json(filled: "Filled") -> str:
    row = {"feed": filled.gap.feed_id, "gap": filled.gap.id, "new": filled.new}
    return json.dumps(row | {"closed": filled.closed, "reason": filled.reason}, ensure_ascii=False)


def _name(feed: Feed) -> str:
    return _shown(feed.title or feed.query)


def _shown(text: str) -> str:
    from listener.wording import plain

    return plain(text)


@feeds.command()
@click.argument("text", metavar="URL-or-name")
@click.option("--title", help="Your own name for it.")
@click.option("--folder", help="Where to list it.")
@click.option("--unchecked", is_flag=True, help="Keep it without reading it first (no network, say).")
@click.pass_obj
def add(session: Session, text: str, title: str | None, folder: str | None, unchecked: bool) -> None:
    """Add what you paste: a feed, a page, a profile; on a terminal its newest posts are shown first."""
    app = session.app
    feed = app.feed_for(text)
    if feed is None:
        raise click.UsageError(_unknown(text))
    if not unchecked:
        try:
            checked = app.check(feed)
        except ConnectorError as error:
            raise ListenerError(f"{error} (not added; --unchecked adds it all the same)") from error
        _print_preview(checked)
        if sys.stdin.isatty() and not click.confirm("Add it?", default=True):
            raise click.Abort
        feed = checked.feed
    kept, is_new = app.add_feed(feed, title=title, folder=folder)
    if not is_new:
        click.echo(f"Feed {kept.id} is there already: {_name(kept)}")
        return
    click.echo(f"Added feed {kept.id}: {_name(kept)} ({_shown(kept.query)})")


def _unknown(text: str) -> str:
    """Say that nobody knows what was pasted; of a bare name or tag, how connectors write one whole."""
    from listener.connector import connectors
    from listener.secrets import quoted

    said, sign = f"no connector knows {quoted(text)}", text.strip()[:1]
    if sign not in ("@", "#") or " " in text.strip():
        return f"{said}; paste the address of a page or a feed"
    pattern = re.compile(r"[^:/]*:?#\w+.*" if sign == "#" else r"\S*\bname\b\S*")
    whole = [next(filter(pattern.fullmatch, kind.traits.examples), None) for kind in connectors().values()]
    what = "tag" if sign == "#" else "name"
    return f"{said}: a {what} alone does not say where; write it whole: {', '.join(one for one in whole if one)}"


def _print_preview(checked: "Checked") -> None:
    from listener.app import PREVIEW
    from listener.wording import counted, plain

    of = f"{plain(checked.feed.query)} · {counted(len(checked.posts), 'post')}"
    click.echo(f"{plain(checked.title or 'Untitled')} · {of}")
    for post in checked.posts[:PREVIEW]:
        day = post.published_at.date().isoformat() if post.published_at else "no date   "
        click.echo(f"  {day}  {plain((post.title or post.text)[:90])}")


@feeds.command()
@click.argument("feed")
@click.pass_obj
def remove(session: Session, feed: str) -> None:
    """Stop a feed for good; its posts stay."""
    state = session.app.find_feed(feed)
    if state.from_config:
        raise ListenerError(f"feed {state.feed.id} stands in {session.app.config.path}: remove it there")
    session.app.store.remove_feed(state.feed.id)
    click.echo(f"Removed feed {state.feed.id}: {_name(state.feed)}; its posts stay ({state.posts})")


@feeds.command()
@click.argument("names", metavar="[FEED…]", nargs=-1)
@json_option
@click.pass_obj
def check(session: Session, names: tuple[str, ...], as_json: bool) -> int:
    """Read feeds once, keep nothing, and say what is wrong with each."""
    app, failed = session.reader, 0
    found = [app.find_feed(name) for name in names] if names else app.store.feeds()
    for state in found:
        posts, problem = 0, None
        try:
            posts = len(app.check(state.feed).posts)
        except ConnectorError as error:
            problem, failed = str(error), failed + 1
        click.echo(_checked_json(state.feed, posts, problem) if as_json else _checked(state.feed, posts, problem))
    return 1 if failed else 0


def _checked(feed: Feed, posts: int, problem: str | None) -> str:
    from listener.wording import counted

    what = counted(posts, "post") if problem is None else _shown(problem)
    return f"{'✓' if problem is None else '✗'} {feed.id} {_name(feed)}: {what}"


def _checked_json(feed: Feed, posts: int, problem: str | None) -> str:
    row = {"feed": feed.id, "title": feed.title, "query": feed.query, "posts": posts, "error": problem}
    return json.dumps(row, ensure_ascii=False)


@feeds.command("set")
@click.argument("feed")
@click.argument("changes", metavar="KEY=VALUE…", nargs=-1, required=True)
@click.pass_obj
def set_feed(session: Session, feed: str, changes: tuple[str, ...]) -> None:
    """Change `title`, `folder`, `interval` (seconds, or 30m, 6h; empty: automatic) or `paused` (yes, no)."""
    app = session.app
    state = app.find_feed(feed)
    wanted = dict(_change(text) for text in changes)
    app.store.set_feed(state.feed.id, wanted, app.now())
    click.echo(f"Feed {state.feed.id}: {_shown(', '.join(changes))}")
    if state.from_config:
        click.echo(f"Note: {app.config.path} names this feed too and is read again when it changes.", err=True)


def _change(text: str) -> tuple[str, str | float | bool | None]:
    key, mark, value = text.partition("=")
    if not mark:
        raise click.UsageError(f"{text!r} is not KEY=VALUE")
    if key in ("title", "folder"):
        return key, value or None
    if key == "paused" and value.lower() in ("yes", "no", "true", "false"):
        return key, value.lower() in ("yes", "true")
    if key == "interval":
        return "fixed_interval_s", _interval_s(value)
    raise click.UsageError(f"{text!r}: there are title=…, folder=…, interval=…, paused=yes and paused=no")


def _interval_s(text: str) -> float | None:
    from listener.cli.values import UNITS

    if not text:
        return None
    number, unit = (text[:-1], UNITS[text[-1]]) if text[-1] in UNITS else (text, 1)
    if not number.isascii() or not number.isdigit() or not 60 <= int(number) * unit <= 86_400:
        raise click.UsageError(f"interval={text}: between 60 seconds and 24h, such as 900, 30m or 6h")
    return float(int(number) * unit)


@feeds.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_feeds(session: Session, file: Path) -> None:
    """Add every feed of an OPML file; nothing is fetched until the next poll."""
    from listener import opml
    from listener.secrets import quoted
    from listener.wording import counted, plain

    app, added = session.app, 0
    found = opml.read(file.read_bytes())
    left_out = [f"{refused.title or refused.url}: {refused.reason}" for refused in found.refused]
    for entry in found.feeds:
        try:
            feed = Feed(0, entry.connector, entry.url, entry.connector) if entry.connector else app.feed_for(entry.url)
        except Refused as error:
            left_out.append(f"{entry.title or quoted(entry.url)}: {error}")
            continue
        if feed is None:
            left_out.append(f"{entry.title or quoted(entry.url)}: no connector reads it")
            continue
        _, is_new = app.add_feed(feed, title=entry.title, folder=entry.folder)
        added += is_new
    for line in left_out:
        click.echo(f"left out {plain(line)}", err=True)
    click.echo(
        f"Added {counted(added, 'feed')} from {file.name};"
        f" {len(found.feeds) - added} were there, {len(left_out)} left out"
    )


@feeds.command("export")
@click.pass_obj
def export_feeds(session: Session) -> None:
    """Write all feeds as OPML to standard output; any reader takes those that have an address."""
    sys.stdout.buffer.write(_opml(session.reader))


def _opml(app: "App") -> bytes:
    from listener import opml

    return opml.write([_outline(state) for state in app.store.feeds()])


def _outline(state: FeedState) -> "OpmlFeed":
    from listener.opml import OpmlFeed

    feed = state.feed
    plain = feed.query.startswith(("http://", "https://"))
    return OpmlFeed(feed.query, feed.title, feed.folder, None if plain else feed.connector)
