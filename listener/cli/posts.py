"""`listener posts`, `search`, `show` and `label`."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from listener.cli import Command, Session
from listener.cli.values import LABEL, SINCE, VERDICT, Said, json_option
from listener.errors import QueryError, StoreError
from listener.terms import Field, leaves
from listener.types import Label, StoredPost

if TYPE_CHECKING:
    from rich.console import Console

    from listener.app import App
    from listener.terms import Query

limit_option = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))


@click.command(cls=Command)
@click.option("--label", type=LABEL, help="Only leads, questions or news, at your threshold.")
@click.option("--since", type=SINCE, help="Only posts since 24h, 7d, or a date.")
@click.option("--feed", help="Only posts of this feed (number, address or title).")
@click.option("--goal", help="Only posts that serve this goal, the most relevant first.")
@click.option("--query", help="Only posts that a query asks for: 'label:lead (backup OR restore) -is:done within:7d'.")
@limit_option
@json_option
@click.pass_obj
def posts(
    session: Session,
    label: Label | None,
    since: datetime | None,
    feed: str | None,
    goal: str | None,
    query: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List posts, newest first."""
    from listener import terms
    from listener.query import parse
    from listener.store import PostQuery

    app = session.reader
    feed_id = app.find_feed(feed).feed.id if feed else None
    threshold = app.thresholds[label] if label else 0.5
    if goal is not None:
        app.check_goal(goal)
        app.refresh_goals()
    if query is not None:
        named = {"label": label, "feed": feed_id, "goal": goal}
        fields = [terms.Field(name, (str(value),)) for name, value in named.items() if value is not None]
        _print_found(session, terms.all_of([parse(query), *fields]), limit, since, as_json=as_json)
        return
    asked = PostQuery(label, threshold, since, feed_id=feed_id, goal=goal, limit=limit)
    _print_posts(session, app.store.posts(asked), as_json=as_json)


@click.command(cls=Command)
@click.argument("words", nargs=-1, required=True)
@click.option("--since", type=SINCE, help="Only posts since 24h, 7d, or a date.")
@limit_option
@json_option
@click.pass_obj
def search(session: Session, words: tuple[str, ...], since: datetime | None, limit: int, as_json: bool) -> None:
    """Find posts that hold all WORDS, the best first; "a phrase" and begin* work too.

    WORDS may be a query as well, which finds the newest first: backup OR restore, label:lead -is:done within:7d.
    """
    from listener.query import is_only_words, parse, unparse

    query = parse(" ".join(map(_typed, words)))
    if not is_only_words(query):
        _print_found(session, query, limit, since, as_json=as_json)
        return
    _print_posts(session, session.reader.store.search(unparse(query), limit=limit, since=since), as_json=as_json)


def _typed(argument: str) -> str:
    """Take what the shell gave as one piece for a phrase, unless more than words is in it."""
    from listener.query import is_only_words, parse

    try:
        is_phrase = " " in argument and '"' not in argument and is_only_words(parse(argument))
    except QueryError:
        return argument
    return f'"{argument}"' if is_phrase else argument


@click.command(cls=Command)
@click.argument("post", type=int)
@json_option
@click.pass_obj
def show(session: Session, post: int, as_json: bool) -> None:
    """Show one post whole: its labels with the words that gave them, the goal it serves, where it came from."""
    from listener import items, records, render

    found = find_post(session, post)
    why = session.app.explain(found)
    if as_json:
        shown = records.post_json(found) | records.evidence_json(found, why.marks, why.serves)
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    served = items.serves(why.serves) if session.app.config.goals else None
    titles = {state.feed.id: state.feed.title or state.feed.query for state in session.app.store.feeds()}
    _console().print(render.post_detail(found, titles, session.app.now(), why.marks, served))


@click.command(cls=Command)
@click.argument("post", type=int)
@click.argument("verdict", type=VERDICT, metavar="[LABEL|not-LABEL|goal:NAME|not-goal:NAME]", required=False)
@click.option("--goal", help="The goal that POST serves: the same as goal:NAME.")
@click.option("--undo", is_flag=True, help="Take the word back; without LABEL, every word on POST.")
@click.pass_obj
def label(session: Session, post: int, verdict: Said | None, goal: str | None, undo: bool) -> None:
    """Say what POST is (lead, question, news), or is not, or which goal it serves.

    It is kept for ever, outranks the score, and teaches the classifier at once.
    """
    found, app = find_post(session, post), session.app
    said = Said(True, goal=goal) if verdict is None and goal is not None else verdict
    if said is None and undo:
        taken = app.unlabel(found.id)
        click.echo(
            f"Post {found.id}: " + (f"took back {', '.join(taken)}" if taken else "there was nothing to take back")
        )
    elif said is None:
        raise click.UsageError("say what the post is: lead, question, news, not-lead …, goal:NAME; or --undo")
    elif said.goal is not None:
        app.label_goal(found.id, said.goal, None if undo else said.value)
        click.echo(_said(found.id, undo, said.value, f"serves goal {said.goal}", f"does not serve goal {said.goal}"))
    elif said.label is not None:
        app.label(found.id, said.label, None if undo else said.value)
        click.echo(_said(found.id, undo, said.value, f"is {said.label}", f"is not {said.label}"))


def _said(post: int, undo: bool, value: bool, yes: str, no: str) -> str:
    return f"Post {post}: taken back" if undo else f"Post {post} {yes if value else no}"


def find_post(session: Session, number: int) -> StoredPost:
    """Find a post by its number; StoreError where there is none."""
    found = session.reader.store.post(number)
    if found is None:
        raise StoreError(f"there is no post {number}; `listener posts` shows the numbers")
    return found


def _print_found(session: Session, query: "Query", limit: int, since: datetime | None, *, as_json: bool) -> None:
    app = session.reader
    if any(isinstance(leaf, Field) and leaf.name == "goal" for leaf in leaves(query)):
        app.refresh_goals()
    tell_unknown(app, query)
    found = app.store.find(query, app.given(), limit=limit, since=since)
    _print_posts(session, app.store.posts_by_id(found.ids), as_json=as_json)
    if not found.complete:
        click.echo("Not all posts were looked through in time: add within:7d, or a word that must be there.", err=True)


def tell_unknown(app: "App", query: "Query") -> None:
    """Say on stderr which names of a query nobody knows: mostly they are mistyped."""
    for told in app.unknown_names(query):
        click.echo(f"listener: {told}", err=True)


def _print_posts(session: Session, found: Sequence[StoredPost], *, as_json: bool) -> None:
    from listener import records, render

    if as_json:
        for post in found:
            click.echo(json.dumps(records.post_json(post), ensure_ascii=False))
        return
    if not found and session.app.store.begun() is not None:
        click.echo("No posts that match.")
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
