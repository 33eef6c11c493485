"""`listener model`: see, teach, measure and explain the classifier."""

import json
import sys
import threading
from typing import TYPE_CHECKING

import click

from listener import meter
from listener.cli import Group, Session
from listener.cli.values import LABEL, json_option
from listener.errors import StoreError
from listener.types import LABELS, Label

if TYPE_CHECKING:
    from listener.app.learning import Trained
    from listener.store import Look
    from listener.types import StoredPost

ANSWERS = {"y": True, "yes": True, "n": False, "no": False}


@click.group(cls=Group)
def model() -> None:
    """See, teach, measure and explain the classifier."""


@model.command()
@json_option
@click.pass_obj
def status(session: Session, as_json: bool) -> None:
    """Say which model scores, what your thumbs taught it, and what is known of its quality."""
    app = session.app
    readings = {label: app.reading(label) for label in LABELS}
    training, thumbs = app.training(), len(app.store.thumbs())
    if as_json:
        found = {"model": app.scorer.version, "thumbs": thumbs, "training": training}
        click.echo(json.dumps(found | {"labels": {label: meter.as_json(found) for label, found in readings.items()}}))
        return
    click.echo(f"Model {app.scorer.version}; {thumbs} thumbs on labels, {len(app.store.goal_thumbs())} on goals")
    refused = training.get("refused") if training else None
    for label, why in (refused or {}).items() if isinstance(refused, dict) else ():
        share = training["taken"][label] if training and isinstance(training["taken"], dict) else 0
        click.echo(f"{label}: {share:.0%} of what your thumbs say is taken; all of it, and {why}")
    for label, reading in readings.items():
        click.echo(f"{label} from {reading.threshold:.2f}: {meter.sentence(reading)}")


@model.command()
@json_option
@click.pass_obj
def train(session: Session, as_json: bool) -> None:
    """Train your head on all thumbs again, and keep what of it the fixed holdout allows."""
    found = session.app.train()
    if as_json:
        click.echo(
            json.dumps({"thumbs": found.thumbs, "model": found.version, "taken": found.taken, "refused": found.refused})
        )
        return
    _print_trained(found)


def _print_trained(found: "Trained") -> None:
    if not found.thumbs:
        click.echo("No thumbs yet: `listener label POST LABEL` gives one. The shipped model scores alone.")
        return
    click.echo(f"Trained on {found.thumbs} posts with thumbs; model {found.version}")
    for label in LABELS:
        why = f": {found.refused[label]}" if label in found.refused else ""
        click.echo(f"{label}: {found.taken[label]:.0%} taken{why}")


@model.command()
@json_option
@click.pass_obj
def evaluate(session: Session, as_json: bool) -> None:
    """Compare what the model said with your thumbs, each at the score it was given at."""
    found = session.app.evaluate()
    if as_json:
        rows = {
            label: {"thumbs": one.thumbs, "precision": _share(one.precision), "recall": _share(one.recall)}
            for label, one in found.items()
        }
        click.echo(json.dumps({"labels": rows}))
        return
    for label, one in found.items():
        if not one.thumbs:
            click.echo(f"{label}: no thumbs yet")
            continue
        precision, recall = (f"{s.value:.2f} ({s.low:.2f} to {s.high:.2f})" for s in (one.precision, one.recall))
        click.echo(f"{label}: {one.thumbs} thumbs, precision {precision}, recall among them {recall}")
    click.echo("What nobody looked at is not in these figures; `listener model audit` measures it.")


def _share(share: meter.Share) -> dict[str, float]:
    return {"value": round(share.value, 3), "low": round(share.low, 3), "high": round(share.high, 3)}


@model.command()
@click.argument("post", type=int)
@json_option
@click.pass_obj
def explain(session: Session, post: int, as_json: bool) -> None:
    """Say which words moved the labels of POST, and what your thumbs added."""
    from listener.items import serves
    from listener.records import evidence_json
    from listener.render import plain

    stored = session.app.store.post(post)
    if stored is None:
        raise StoreError(f"there is no post {post}; `listener posts` shows the numbers")
    why = session.app.explain(stored)
    if as_json:
        shown = {"id": post, "labels": dict(stored.scores), "moved": why.moved}
        click.echo(json.dumps(shown | evidence_json(stored, why.marks, why.serves), ensure_ascii=False))
        return
    for label in LABELS:
        click.echo(f"{label} {stored.scores.get(label, 0):.2f}")
        for mark in why.marks:
            if mark.label == label:
                click.echo(f"  {mark.weight:+6.2f}  {plain(mark.text)}")
        if label in why.moved:
            click.echo(f"  {why.moved[label]:+6.2f}  your thumbs")
    if session.app.config.goals:
        click.echo(plain(serves(why.serves)))


@model.command()
@click.pass_obj
def rescore(session: Session) -> None:
    """Score the whole store again, thumbs apart; Ctrl-C stops it, and the next call goes on."""
    from listener.runner.signals import stopping

    app, stop = session.app, threading.Event()
    total = app.store.stats().posts

    def watch(done: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done:,} of {total:,} posts", nl=False, err=True)

    with stopping(stop):
        done = app.rescore(watch, stop)
    click.echo(f"{done:,} posts scored again" + ("; stopped, the next call goes on from here" if stop.is_set() else ""))


@model.command()
@click.pass_obj
def reset(session: Session) -> None:
    """Forget what was learnt: the shipped model scores alone. Thumbs stay, and the next one teaches again."""
    session.app.reset()
    click.echo(f"The shipped model {session.app.classifier.version} scores alone; `listener model train` learns again")


@model.command()
@click.pass_obj
def export(session: Session) -> None:
    """Print your thumbs as training rows, one JSON object a line, where platform and author allow that."""
    for row in session.app.export():
        click.echo(json.dumps(row, ensure_ascii=False))


@model.command()
@click.argument("label", type=LABEL)
@click.option("--alerts-a-day", type=click.FloatRange(0.1, 10_000), help="As many a day as this.")
@click.option("--precision", type=click.FloatRange(0.05, 0.99), help="Right as often as this, 0.8 for 8 of 10.")
@json_option
@click.pass_obj
def threshold(
    session: Session, label: Label, alerts_a_day: float | None, precision: float | None, as_json: bool
) -> None:
    """Set LABEL's threshold by what comes of it; without an option, say what comes of the one that holds."""
    app = session.app
    if alerts_a_day is not None and precision is not None:
        raise click.UsageError("give --alerts-a-day or --precision, not both")
    if alerts_a_day is not None:
        app.choose_threshold(label, app.cut_for_alerts(label, alerts_a_day))
    if precision is not None:
        cut, known = app.cut_for_precision(label, precision)
        app.choose_threshold(label, cut)
        if not known and not as_json:
            click.echo("Your thumbs are too few to say so, or never reach it; this goes by the model's own word.")
    reading = app.reading(label)
    if as_json:
        click.echo(json.dumps(meter.as_json(reading)))
        return
    click.echo(f"{label} from {reading.threshold:.2f}. {meter.sentence(reading)}")


@model.command()
@click.argument("label", type=LABEL, default="lead")
@click.option("--answer", nargs=2, multiple=True, metavar="POST y|n", help="Answer for a post of this week's audit.")
@json_option
@click.pass_obj
def audit(session: Session, label: Label, answer: tuple[tuple[str, str], ...], as_json: bool) -> None:
    """Look at ten posts from below LABEL's threshold, drawn blindly once a week: so it is measured what is missed."""
    app = session.app
    for post, said in answer:
        if not post.isdigit() or said.lower() not in ANSWERS:
            raise click.UsageError("--answer takes a post's number and y or n")
        app.answer(label, int(post), ANSWERS[said.lower()])
    if answer:
        click.echo(f"{len(answer)} answered")
        return
    asked = app.audit(label)
    if as_json:
        for _, stored in asked:
            click.echo(json.dumps(_blind(stored), ensure_ascii=False))
    elif not asked:
        click.echo("Nothing to ask: this week's posts are answered, or none are below the threshold.")
    elif not sys.stdin.isatty():
        raise click.UsageError("the audit asks on a terminal; for scripts there are --json and --answer POST y")
    else:
        _ask(session, label, asked)


def _blind(stored: "StoredPost") -> dict[str, object]:
    """Show a post without anything that the model said of it."""
    post = stored.post
    return {"id": stored.id, "platform": post.platform, "title": post.title, "text": post.text, "lang": post.lang}


def _ask(session: Session, label: Label, asked: "list[tuple[Look, StoredPost]]") -> None:
    from listener.wording import lines, plain

    click.echo(f"{len(asked)} posts. Is it a {label}? y, n, or s to pass over; Ctrl-C stops, answers are kept.")
    for _, stored in asked:
        title = f"{plain(stored.post.title)}\n" if stored.post.title else ""
        click.echo(f"\n{title}{lines(stored.post.text)[:1_500]}")
        said = click.prompt(f"{label}?", type=click.Choice(["y", "n", "s"]), show_choices=True)
        if said != "s":
            session.app.answer(label, stored.id, said == "y")
    click.echo(meter.sentence(session.app.reading(label)))
