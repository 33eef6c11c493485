"""`listener rules`: made, changed, tried, paused and removed."""

import json
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from listener import query as queries
from listener.cli import Group, Session
from listener.cli.posts import find_post, tell_unknown
from listener.cli.values import LABEL, UNITS, json_option, say
from listener.cli.why import print_walks

if TYPE_CHECKING:
    from listener.app.ruling import Preview
    from listener.rules import Rule, RuleRow

WHENS: Final = ("now", "hourly", "daily", "briefing")


class Length(click.ParamType[float]):
    """A length of time: `90s`, `30m`, `6h`, `2d`."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give seconds."""
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"([0-9]{1,6})([smhdw])", value.strip().lower())
        if not found:
            self.fail(f"{value!r} is no length of time; say 90s, 30m, 6h or 2d", param, ctx)
        return float(int(found[1]) * UNITS[found[2]])


LENGTH: Final = Length()

_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--channel", "channels", multiple=True, help="Where its alerts go; none: it is a view."),
    click.option("--when", type=click.Choice(WHENS), help="When its alerts go out.  [default: now]"),
    click.option("--cooldown", "cooldown_s", type=LENGTH, help="Shortest time between two messages: 30m, 6h."),
    click.option("--cap", "cap_hour", type=int, help="Most messages in an hour.  [default: 20]"),
    click.option("--quiet", help="Its quiet hours: 22:00-07:00, sat-sun 00:00-24:00."),
    click.option("--through-quiet/--not-through-quiet", default=None, help="Its alerts come in quiet hours, too."),
    click.option("--priority", type=click.Choice(("normal", "high")), help="High: no cap and no cooldown holds it."),
    click.option("--language", help="Only posts in this language: en."),
    click.option("--assignee", help="Who looks after what it finds."),
    click.option("--label", "labels", multiple=True, type=LABEL, help="Only posts with one of these labels."),
    click.option("--goal", "goals", multiple=True, help="Only posts that serve one of these goals; *: any."),
    click.option("--kind", type=click.Choice(("posts", "volume", "silence")), help="What it watches  [default: posts]"),
    click.option("--window", "window_s", type=LENGTH, help="Volume: how long one counts.  [default: 1d]"),
    click.option("--factor", type=float, help="Volume: so many times as much as usual.  [default: 3]"),
    click.option("--least", type=int, help="Volume: at least so many posts.  [default: 5]"),
    click.option("--days", type=float, help="Silence: so long without a post.  [default: 30]"),
)  # fmt: skip


def rule_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what a rule is."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def rules(context: click.Context, as_json: bool) -> None:
    """List the rules, or add, edit, preview, test, pause and remove them: saved searches that can alert."""
    if context.invoked_subcommand is None:
        context.invoke(list_rules, as_json=as_json)


@rules.command("list")
@json_option
@click.pass_obj
def list_rules(session: Session, as_json: bool) -> None:
    """List the rules."""
    from listener.cli.listing import print_rows
    from listener.wording import plain

    rows = session.reader.store.rules()
    if as_json:
        for row in rows:
            _echo(rule_json(row))
        return
    told = [[plain(text) for text in _described(row)] for row in rows]
    print_rows(("rule", "finds", "when", "goes to", "state", "limits"), told)
    for rule, name in session.app.lost_ways():
        click.echo(
            f"listener: rule {plain(rule)}: no channel is called {name!r}; `listener channels` lists them", err=True
        )


def rule_json(row: "RuleRow") -> dict[str, object]:
    """Make the JSON object of a rule, with all that it says."""
    from dataclasses import asdict

    return {"id": row.id, **asdict(row.rule), "paused": row.paused, "from": row.source, "at": row.at.isoformat()}


def _described(row: "RuleRow") -> tuple[str, ...]:
    rule = row.rule
    labels = " or ".join(rule.labels)
    goals = "any goal" if "*" in rule.goals else " or ".join(rule.goals)
    finds = " · ".join(part for part in (labels, rule.query, f"serves {goals}" if goals else "", rule.language) if part)
    if rule.kind == "volume":
        finds = f"{rule.factor:g} times the usual of {finds}"
    if rule.kind == "silence":
        finds = f"nothing for {rule.days:g} days of {finds}"
    state = ("paused" if row.paused else "at work") + ("" if row.source == "command" else f", {row.source}")
    goes = ", ".join(rule.channels) or "nowhere, a view"
    return rule.name, finds or "every post", rule.when, goes, state, ", ".join(_limits(rule))


def _limits(rule: "Rule") -> list[str]:
    """Say what was set otherwise than it is by itself."""
    from listener.rules import CAP_HOUR

    found = ["high priority"] if rule.priority == "high" else []
    found += [f"rests {rule.cooldown_s / 60:g} min between messages"] if rule.cooldown_s else []
    found += [f"at most {rule.cap_hour} an hour"] if rule.cap_hour != CAP_HOUR else []
    found += [f"quiet {rule.quiet}"] if rule.quiet else []
    found += ["heard in quiet hours, too"] if rule.through_quiet else []
    return [*found, f"for {rule.assignee}"] if rule.assignee else found


@rules.command()
@click.argument("name")
@click.argument("query", default="")
@rule_options
@click.option("--yes", is_flag=True, help="Keep it without asking.")
@json_option
@click.pass_obj
def add(session: Session, /, name: str, query: str, yes: bool, as_json: bool, **said: Any) -> None:
    """Show what a rule would have found in the last 30 days, ask, and keep it.

    QUERY is a search: backup OR restore, "on call" -hiring, label:lead circle:customers.
    """
    from listener.rules import of_json

    app = session.app
    rule = of_json({"name": name, "query": query, **_given(said)})
    app.check_name(rule.name)
    app.check_channels(rule.channels)
    tell_unknown(app, queries.parse(rule.query))
    found = app.preview(rule)
    if not as_json:
        _print_preview(session, found)
        if not yes:
            click.confirm(f"Keep the rule {name}?", default=True, abort=True)
    row = app.add_rule(rule)
    if as_json:
        _echo(rule_json(row) | {"preview": preview_json(found)})
    else:
        click.echo(
            f"Rule {row.id}: {name} is at work" + ("" if rule.channels else "; it has no channel, so it is a view")
        )


@rules.command()
@click.argument("name")
@click.option("--query", help="What it searches.")
@click.option("--rename", "rename", metavar="NAME", help="Its new name.")
@rule_options
@json_option
@click.pass_obj
def edit(session: Session, /, name: str, rename: str | None, as_json: bool, **said: Any) -> None:
    """Change a rule; from then on only what comes later alerts."""
    app = session.app
    row = app.find_rule(name)
    changes = _given(said) | ({"name": rename} if rename else {})
    app.check_channels(changes.get("channels", ()))
    changed = app.edit_rule(row, changes)
    if "query" in changes:
        tell_unknown(app, queries.parse(changed.rule.query))
    if as_json:
        _echo(rule_json(changed))
    else:
        click.echo(f"Rule {changed.id}: {' · '.join(filter(None, _described(changed)))}")


@rules.command()
@click.argument("name", required=False)
@click.option("--query", help="A search that is no rule yet.")
@rule_options
@json_option
@click.pass_obj
def preview(session: Session, /, name: str | None, as_json: bool, **said: Any) -> None:
    """Say what a rule, or a search, would have found in the last 30 days, and how many messages that would be."""
    from listener.rules import changed, of_json

    app = session.reader
    if name is None and said["query"] is None:
        raise click.UsageError("say a rule's NAME, or --query QUERY")
    given = _given(said)
    rule = changed(app.find_rule(name).rule, given) if name else of_json({"name": "preview", **given})
    tell_unknown(app, queries.parse(rule.query))
    found = app.preview(rule)
    if as_json:
        _echo(preview_json(found))
    else:
        _print_preview(session, found)


def preview_json(found: "Preview") -> dict[str, object]:
    """Make the JSON object of a preview."""
    return {
        "days": list(found.days),
        "matched": found.matched,
        "messages": found.messages,
        "says": found.says,
        "examples": [stored.id for stored in found.examples],
        "whole": found.is_whole,
    }


def _print_preview(session: Session, found: "Preview") -> None:
    from rich.console import Console

    from listener import render
    from listener.charts import sparks
    from listener.wording import counted, plain

    line = sparks(found.days, sys.stdout.encoding or "utf-8")
    least = "" if found.is_whole else "at least "
    a_day = found.matched / max(len(found.days), 1)
    sent = "" if found.messages is None else f", in {counted(found.messages, 'message')}"
    click.echo(f"In the last {len(found.days)} days {least}{counted(found.matched, 'post')}, {a_day:.1f} a day{sent}")
    click.echo(f"{line} up to {max(found.days, default=0)} a day")
    if found.messages is None:
        click.echo(f"Now it would say: {plain(found.says or 'nothing')}")
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    for stored in found.examples:
        console.print(render.post_row(stored, session.app.thresholds, session.app.now()))


@rules.command()
@click.argument("name")
@json_option
@click.pass_obj
def remove(session: Session, name: str, as_json: bool) -> None:
    """Take a rule away; what waits of its alerts is never sent."""
    row = session.app.find_rule(name)
    session.app.remove_rule(row)
    anew = f"; {_anew(row)} makes it anew" if row.source == "built in" else ""
    say(f"Rule {row.rule.name} is gone{anew}", {"rule": row.rule.name, "state": "removed"}, as_json=as_json)


def _anew(row: "RuleRow") -> str:
    rule = row.rule
    said = [f"--label {label}" for label in rule.labels] + [f"--goal '{goal}'" for goal in rule.goals]
    said += [f"--channel {channel}" for channel in rule.channels]
    return f"`listener rules add {rule.name} {' '.join(said)} -- '{rule.query}'`"


@rules.command()
@click.argument("name")
@json_option
@click.pass_obj
def pause(session: Session, name: str, as_json: bool) -> None:
    """Let a rule rest."""
    row = session.app.find_rule(name)
    session.app.store.pause_rule(row.id, paused=True)
    line = f"Rule {row.rule.name} rests; `listener rules resume {row.rule.name}` wakes it"
    say(line, {"rule": row.rule.name, "state": "paused"}, as_json=as_json)


@rules.command()
@click.argument("name")
@json_option
@click.pass_obj
def resume(session: Session, name: str, as_json: bool) -> None:
    """Wake a rule; what came meanwhile makes no alerts."""
    row = session.app.find_rule(name)
    session.app.store.pause_rule(row.id, paused=False)
    say(f"Rule {row.rule.name} is at work", {"rule": row.rule.name, "state": "at work"}, as_json=as_json)


@rules.command()
@click.argument("name")
@click.argument("post", type=int)
@json_option
@click.pass_obj
def test(session: Session, name: str, post: int, as_json: bool) -> None:
    """Say whether a rule finds a post, and why."""
    app = session.reader
    row = app.find_rule(name)
    if row.rule.kind != "posts":
        _test_watch(session, row, as_json=as_json)
        return
    print_walks(app.why(find_post(session, post), [row]), as_json=as_json, whole=True)


def _test_watch(session: Session, row: "RuleRow", *, as_json: bool) -> None:
    """Say what a rule about volume or silence has to say now: it is not about a single post."""
    from listener.wording import plain

    occasion = session.reader.occasion(row, session.reader.now())
    says = None if occasion is None else occasion.reason
    if as_json:
        _echo({"rule": row.rule.name, "kind": row.rule.kind, "says": says})
        return
    name = plain(row.rule.name)
    click.echo(f"{name} watches {row.rule.kind}, not single posts; now it says: {plain(says or 'nothing')}")


def _given(said: dict[str, Any]) -> dict[str, Any]:
    """Keep what was said; lists that are empty were not."""
    return {key: value for key, value in said.items() if value is not None and value != ()}


def _echo(found: object) -> None:
    click.echo(json.dumps(found, ensure_ascii=False))
