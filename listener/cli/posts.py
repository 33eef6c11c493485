"""`listener posts`, `search`, `show` and `label`."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from listener.cli import Command, Session
from listener.cli.values import LABEL, SINCE, VERDICT, json_option
from listener.errors import StoreError
from listener.types import Label, StoredPost

if TYPE_CHECKING:
    from rich.console import Console


limit_option = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))


@click.command(cls=Command)
@click.option("--label", type=LABEL, help="Only leads, questions or news, at your threshold.")
@click.option("--since", type=SINCE, help="Only posts since 24h, 7d, or a date.")
@click.option("--feed", help="Only posts of this feed (number, address or title).")
@limit_option
@json_option
@click.pass_obj
def posts(
    session: Session, label: Label | None, since: datetime | None, feed: str | None, limit: int, as_json: bool
) -> None:
    """List posts, newest first."""
    from listener.store import PostQuery

    app = session.app
    feed_id = app.find_feed(feed).feed.id if feed else None
    threshold = app.thresholds[label] if label else 0.5
    query = PostQuery(label, threshold, since, feed_id=feed_id, limit=limit)
    _print_posts(session, app.store.posts(query), as_json=as_json)


@click.command(cls=Command)
@click.argument("words", nargs=-1, required=True)
@click.option("--since", type=SINCE, help="Only posts since 24h, 7d, or a date.")
@limit_option
@json_option
@click.pass_obj
def search(session: Session, words: tuple[str, ...], since: datetime | None, limit: int, as_json: bool) -> None:
    """Find posts that hold all WORDS; "a phrase" and begin* work too."""
    text = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
    _print_posts(session, session.app.store.search(text, limit=limit, since=since), as_json=as_json)


@click.command(cls=Command)
@click.argument("post", type=int)
@json_option
@click.pass_obj
def show(session: Session, post: int, as_json: bool) -> None:
    """Show one post whole, with its labels and where it came from."""
    from listener import render

    found = _post(session, post)
    if as_json:
        click.echo(json.dumps(render.post_json(found), ensure_ascii=False))
        return
    titles = {state.feed.id: state.feed.title or state.feed.query for state in session.app.store.feeds()}
    _console().print(render.post_detail(found, titles, session.app.now()))


@click.command(cls=Command)
@click.argument("post", type=int)
@click.argument("verdict", type=VERDICT, metavar="LABEL|not-LABEL")
@click.pass_obj
def label(session: Session, post: int, verdict: tuple[Label, bool]) -> None:
    """Say what POST is (lead, question, news) or is not (not-lead, …); kept for ever, it outranks the score."""
    found = _post(session, post)
    name, value = verdict
    session.app.store.label_post(found.id, name, value, session.app.now())
    click.echo(f"Post {found.id} is {'' if value else 'not '}{name}")


def _post(session: Session, number: int) -> StoredPost:
    found = session.app.store.post(number)
    if found is None:
        raise StoreError(f"there is no post {number}; `listener posts` shows the numbers")
    return found


def _print_posts(session: Session, found: Sequence[StoredPost], *, as_json: bool) -> None:
    from listener import render

    if as_json:
        for post in found:
            click.echo(json.dumps(render.post_json(post), ensure_ascii=False))
        return
    if not found:
        click.echo("No posts. `listener poll` fetches what is due; `listener feeds` lists the feeds.")
        return
    console = _console()
    for post in found:
        console.print(render.post_row(post, session.app.thresholds, session.app.now()))


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, emoji=False, soft_wrap=True)
