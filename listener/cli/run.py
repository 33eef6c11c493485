"""`listener up` and `poll`: the verbs that listen."""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from listener.cli import Command, Session
from listener.errors import ListenerError

if TYPE_CHECKING:
    from listener.app import App
    from listener.app.briefings import Briefed
    from listener.briefing import Briefing
    from listener.listening import Streams
    from listener.pipeline import Outcome, Report

FIRST_S = 20.0
"""How long the first briefing of `up` waits for slow feeds; they come with the next tick."""
ENDING_S = 10.0
"""How long the end waits for a message that is being sent."""


@click.command(cls=Command)
@click.argument("names", metavar="[FEED…]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Poll all feeds, due or not.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a feed.")
@click.pass_obj
def poll(session: Session, names: tuple[str, ...], everything: bool, as_json: bool) -> int:
    """Poll the feeds that are due, or those named (number, address or title), or all of them."""
    app = session.app
    feeds = [app.find_feed(name).feed.id for name in names] if names else None
    total = len(feeds) if feeds is not None else len(app.store.feeds())
    if as_json:
        report = app.poll(feeds, everything=everything, watch=lambda outcome: click.echo(_outcome_json(outcome)))
    else:
        report = _with_progress(total, lambda watch: app.poll(feeds, everything=everything, watch=watch))
        _print_report(report, total)
    return 1 if report.obstacle or (report.failed and len(report.failed) == len(report.outcomes)) else 0


def _outcome_json(outcome: "Outcome") -> str:
    return json.dumps(
        {
            "feed": outcome.feed.id,
            "query": outcome.feed.query,
            "new": outcome.new,
            "edited": outcome.edited,
            "deleted": outcome.deleted,
            "rejected": outcome.rejected,
            "unchanged": outcome.unchanged,
            "error": outcome.error,
        },
        ensure_ascii=False,
    )


def _with_progress(total: int, work: "Callable[[Callable[[Outcome], None]], Report]") -> "Report":
    """Run `work` with a progress bar on a terminal, and silently anywhere else."""
    if not sys.stderr.isatty():
        return work(lambda _: None)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Listening"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[news]} new"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("poll", total=total, news=0)
        new = 0

        def watch(outcome: "Outcome") -> None:
            nonlocal new
            new += outcome.new
            progress.update(task, advance=1, news=new)

        return work(watch)


def _print_report(report: "Report", total: int) -> None:
    from listener.wording import counted, plain

    if report.obstacle:
        click.echo(f"listener: polling waits: {report.obstacle}", err=True)
        return
    if not report.outcomes:
        click.echo(
            "No feeds yet. Add one: listener feeds add https://example.org/blog"
            if not total
            else "Nothing is due; --all polls all the same."
        )
        return
    edited, rejected = sum(o.edited for o in report.outcomes), sum(o.rejected for o in report.outcomes)
    extra = f", {edited} edited" * bool(edited) + f", {rejected} set aside as unreadable" * bool(rejected)
    click.echo(f"Polled {counted(len(report.outcomes), 'feed')}: {counted(report.new, 'new post')}{extra}")
    for outcome in report.failed:
        click.echo(f"  failed: {plain(outcome.error or '')}", err=True)


@click.command(cls=Command)
@click.pass_obj
def up(session: Session) -> None:
    """Poll everything, print the briefing, then stay up: poll what falls due, brief every morning, keep house."""
    # Before anything that takes time: from its first moment on, stopping is a clean end.
    from listener.runner.signals import stopping

    stop = threading.Event()
    with stopping(stop):
        app = session.app
        with app.alone():
            _stay_up(app, stop, verbose=session.verbose)
    click.echo("Stopped; nothing is lost.")


def _stay_up(app: "App", stop: threading.Event, *, verbose: bool) -> None:
    from listener.runner import embedded
    from listener.wording import counted

    states = app.store.feeds()
    click.echo(f"Listening to {counted(len(states), 'feed')}; posts are kept in {app.store_path}")
    if not stop.is_set():
        enough = _enough(stop)
        with _delivering(app):
            report = _with_progress(len(states), lambda watch: app.poll(everything=True, watch=watch, stop=enough))
        _print_report(report, len(states))
        slow = sum(not state.paused for state in states) - len(report.outcomes)
        if slow > 0 and not report.obstacle and not stop.is_set():
            click.echo(f"{counted(slow, 'feed')} still to be heard: the briefing has what came so far")
        _print_told(app.tell([outcome.feed.id for outcome in report.failed]))
    if not stop.is_set():
        _print_briefed(app, app.brief_when_due(), app.brief)
        click.echo("Staying up: feeds are polled as they fall due. Ctrl-C stops.")
    logging.getLogger().setLevel(logging.INFO if verbose else logging.WARNING)
    if not stop.is_set():
        streams = app.streams(stop)
        embedded.run(_verbs(app, streams, stop), stop)
        streams.join()
    app.courier.join(ENDING_S)


@contextmanager
def _delivering(app: "App") -> Iterator[None]:
    """Deliver alerts beside the first poll: what its first second brings does not wait for slow feeds."""
    done = threading.Event()

    def work() -> None:
        is_over = False
        while not is_over:
            is_over = done.wait(0.5)
            try:
                app.deliver_due()
            except ListenerError as error:
                logging.getLogger(__name__).error("%s", error)

    thread = threading.Thread(target=work, name="deliver", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _enough(stop: threading.Event) -> threading.Event:
    """Give an event that is set with `stop`, or once the first briefing has waited long enough for slow feeds."""
    enough = threading.Event()

    def wait() -> None:
        stop.wait(FIRST_S)
        enough.set()

    threading.Thread(target=wait, name="first briefing", daemon=True).start()
    return enough


def _print_briefed(app: "App", found: "Briefed", otherwise: "Callable[[], Briefing] | None" = None) -> None:
    """Print a briefing that was made, unless it went out by mail; `otherwise`: what to show in any case."""
    from listener.cli.briefing import print_briefing, tell_tried

    if otherwise is not None:
        print_briefing(found.made or otherwise(), "text")
    elif found.made is not None and found.tried is None:
        print_briefing(found.made, "text")
    if found.tried is not None:
        tell_tried(app, found.tried)


def _print_told(messages: Iterable[str]) -> None:
    from listener.wording import plain

    for message in messages:
        click.echo(f"listener: {plain(message)}", err=True)


def _verbs(app: "App", streams: "Streams", stop: threading.Event) -> dict[str, Callable[[], None]]:
    log = logging.getLogger(__name__)

    def guarded(verb: Callable[[], None]) -> Callable[[], None]:
        def call() -> None:
            try:
                verb()
            except ListenerError as error:
                log.error("%s", error)

        return call

    def brief() -> None:
        _print_briefed(app, app.brief_when_due())

    def watch_rules() -> None:
        app.watch_rules()
        app.note_answers()

    def maintain() -> None:
        gone = {kind: count for kind, count in app.maintain().items() if count}
        if gone:
            log.info("pruned %s", gone)
        changed = app.recheck()
        if changed:
            log.info("read again, changed: %s", changed)

    verbs: dict[str, Callable[[], None]] = {
        "poll_due": lambda: app.poll_due(stop),
        "deliver_due": app.deliver_due,
        "watch_rules": watch_rules,
        "listen": streams.tick,
        "tell": lambda: _print_told(app.tell()),
        "brief": brief,
        "maintain": maintain,
    }
    return {name: guarded(verb) for name, verb in verbs.items()}
