"""`listener leads` and `questions`: what is to be done about them, by whom, and what was done."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from listener.cli import Group, Session
from listener.cli.posts import find_post
from listener.cli.values import json_option

if TYPE_CHECKING:
    from listener.app.working import Task
    from listener.work import Matter, Work

state_option = click.option("--state", "states", multiple=True, help="Only those in this state; without it, all open.")
limit_option = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 2_000))
owner_option = click.option("--owner", help="Who looks after it.")
note_option = click.option("--note", help="What to remember.")
post_argument = click.argument("post", type=int)


@click.group(cls=Group, invoke_without_command=True)
@state_option
@limit_option
@json_option
@click.pass_context
def leads(context: click.Context, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List the leads with their state; set it, take it back, read its log.

    States: new, looked at, contacted, talking, won, lost, not a lead.
    """
    if context.invoked_subcommand is None:
        _list(context.obj, "lead", states, limit, as_json=as_json)


@click.group(cls=Group, invoke_without_command=True)
@state_option
@limit_option
@json_option
@click.pass_context
def questions(context: click.Context, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List the questions with their state; claim one, set its state, take it back, read its log.

    States: open, claimed, answered, not a question. One that your own account replied to is answered by itself.
    """
    if context.invoked_subcommand is None:
        _list(context.obj, "question", states, limit, as_json=as_json)


@questions.command()
@post_argument
@click.option("--as", "name", metavar="NAME", help="Who answers it; without it, you.")
@note_option
@json_option
@click.pass_obj
def claim(session: Session, post: int, name: str | None, note: str | None, as_json: bool) -> None:
    """Say that you answer a question, so that nobody else does; refused where somebody has it."""
    find_post(session, post)
    _print_work(session.app.claim(post, name, note), as_json=as_json)


def _add_steps(group: click.Group, matter: "Matter") -> None:
    """Give a group what leads and questions have in common: `set`, `undo` and `log`."""

    @group.command("set", help=f'Say where a {matter} stands; "not a {matter}" teaches the classifier, too.')
    @post_argument
    @click.argument("state", nargs=-1, required=True)
    @owner_option
    @note_option
    @json_option
    @click.pass_obj
    def set_state(
        session: Session, post: int, state: tuple[str, ...], owner: str | None, note: str | None, as_json: bool
    ) -> None:
        find_post(session, post)
        _print_work(session.app.set_work(matter, post, " ".join(state), owner=owner, note=note), as_json=as_json)

    @group.command(help="Take the last step back.")
    @post_argument
    @json_option
    @click.pass_obj
    def undo(session: Session, post: int, as_json: bool) -> None:
        _undo(session, matter, post, as_json=as_json)

    @group.command(help=f"List what was done about a {matter}.")
    @post_argument
    @json_option
    @click.pass_obj
    def log(session: Session, post: int, as_json: bool) -> None:
        _log(session, matter, post, as_json=as_json)


_add_steps(leads, "lead")
_add_steps(questions, "question")


def _list(session: Session, matter: "Matter", states: Sequence[str], limit: int, *, as_json: bool) -> None:
    from listener.work import state_of

    app = session.reader
    found = app.tasks(matter, [state_of(matter, state) for state in states], limit)
    for task in found:
        click.echo(json.dumps(task_json(task), ensure_ascii=False) if as_json else _line(task))
    if not found and not as_json:
        click.echo(f"No {matter}s to be done.")


def task_json(task: "Task") -> dict[str, object]:
    """Make the JSON object of a lead or a question; `who` is null where the terms forbid a record of people."""
    post, work = task.stored.post, task.work
    return {
        "post": task.stored.id,
        "matter": work.matter,
        "state": work.state,
        "owner": work.owner,
        "note": work.note,
        "at": None if work.at is None else work.at.isoformat(),
        "who": task.who,
        "platform": post.platform,
        "url": post.url,
        "title": post.title,
        "text": post.text[:300],
        "said_at": task.stored.sort_at.isoformat(),
        "goals": dict(task.stored.goals),
    }


def _line(task: "Task") -> str:
    from listener.wording import plain

    post, work = task.stored.post, task.work
    what = plain(post.title or post.text)[:100]
    who = task.who if task.who is not None else f"somebody on {post.platform}, whose terms allow no record of people"
    lines = [f"{task.stored.id:>6}  {work.stand:<12} {what}", f"        {plain(who)}"]
    lines += [f"        {plain(post.url)}"] if post.url else []
    lines += [f"        note: {plain(work.note)}"] if work.note else []
    return "\n".join(lines)


def _undo(session: Session, matter: "Matter", post: int, *, as_json: bool) -> None:
    from listener.work import STATES, Work

    find_post(session, post)
    work = session.app.undo_work(matter, post)
    if as_json:
        _print_work(work or Work(post, matter, STATES[matter][0]), as_json=True)
    else:
        click.echo(f"Post {post}: " + (f"{work.state} again" if work is not None else "untouched"))


def _print_work(work: "Work", *, as_json: bool) -> None:
    from listener.wording import plain

    if as_json:
        at = None if work.at is None else work.at.isoformat()
        row = {"post": work.post, "matter": work.matter, "state": work.state, "owner": work.owner, "note": work.note}
        click.echo(json.dumps(row | {"at": at}, ensure_ascii=False))
        return
    click.echo(plain(f"Post {work.post}: {work.stand}" + (f" ({work.note})" if work.note else "")))


def _log(session: Session, matter: "Matter", post: int, *, as_json: bool) -> None:
    from listener.wording import plain

    for entry in session.reader.store.work_log(find_post(session, post).id, matter):
        row = {"state": entry.state, "owner": entry.owner, "note": entry.note, "at": entry.at.isoformat()}
        if as_json:
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            by = f" by {entry.owner}" if entry.owner else ""
            note = f": {entry.note}" if entry.note else ""
            click.echo(plain(f"{entry.at:%Y-%m-%d %H:%M} UTC  {entry.state}{by}{note}"))
