"""`listener connectors`, `accounts` and `import`: what can be read, whom you follow, and files you bring."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from listener.cli import Command, Group, Session
from listener.cli.listing import print_rows
from listener.cli.values import json_option

if TYPE_CHECKING:
    from listener.app.rows import ConnectorRow
    from listener.upkeep import Imported


@click.command(cls=Command)
@click.argument("names", metavar="[NAME…]", nargs=-1)
@json_option
@click.pass_obj
def connectors(session: Session, names: tuple[str, ...], as_json: bool) -> None:
    """List the connectors: what each reads, needs and costs. With a NAME: how to get what it needs, step by step."""
    from listener.connector import names as known

    for name in names:
        if name not in known():
            raise click.UsageError(f"no connector is called {name!r}; there are: {', '.join(known())}")
    rows = [row for row in session.app.connector_rows() if not names or row.name in names]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.as_json(), ensure_ascii=False))
    elif names:
        for row in rows:
            _print_one(row)
    else:
        _print_table(rows)


def _print_table(rows: "list[ConnectorRow]") -> None:
    headings = ("connector", "state", "reads", "needs", "costs")
    print_rows(
        headings, [(row.name, row.state, row.traits.reads, row.traits.needs or "no key", row.costs) for row in rows]
    )
    click.echo("`listener connectors NAME` says what to paste, and how to get what it needs.")


def _print_one(row: "ConnectorRow") -> None:
    traits = row.traits
    click.echo(f"{row.name}: {traits.reads}\n  state: {row.state}")
    for text in (row.missing, f"costs: {row.costs}", f"limits: {traits.limit}" if traits.limit else None):
        if text:
            click.echo(f"  {text}")
    for number, step in enumerate(traits.credentials, 1):
        click.echo(f"  {number}. {step}")
    if traits.examples:
        click.echo("  paste: " + "\n         ".join(traits.examples))
    if traits.files:
        click.echo("  files: " + "\n         ".join(traits.files))
    for platform, policy in row.policies.items():
        if policy.note:
            click.echo(f"  {platform}: {policy.note}")


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def accounts(context: click.Context, as_json: bool) -> None:
    """List whom you follow, or import it from a platform."""
    if context.invoked_subcommand is None:
        context.invoke(list_accounts, as_json=as_json)


@accounts.command("list")
@json_option
@click.pass_obj
def list_accounts(session: Session, as_json: bool) -> None:
    """List the accounts you follow, with the list (circle) each is in."""
    found = session.reader.store.follows()
    for account, circle in found:
        if as_json:
            row = {"platform": account.platform, "native_id": account.native_id, "handle": account.handle}
            row |= {"name": account.name, "url": account.url, "circle": circle or None}
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            from listener.render import plain

            shown = plain(f"{account.handle or account.native_id}  {account.name or ''}".rstrip())
            click.echo(f"{account.platform:<12} {shown}" + (f"  [{plain(circle)}]" if circle else ""))
    if not found and not as_json:
        click.echo("Nobody yet. `listener accounts import` reads whom you follow where you have set up a login.")


@accounts.command("import")
@click.argument("names", metavar="[CONNECTOR…]", nargs=-1)
@click.option("--no-feeds", is_flag=True, help="Keep the accounts only; add no feeds.")
@click.pass_obj
def import_accounts(session: Session, names: tuple[str, ...], no_feeds: bool) -> None:
    """Read whom you follow, and your lists: they become accounts, and feeds to poll."""
    from listener.wording import counted

    for name, found in session.app.import_follows(names, feeds=not no_feeds).items():
        feeds = counted(found.feeds, "feed")
        click.echo(f"{name}: {counted(found.accounts, 'account')} ({found.new} new), {feeds} added")


@click.command("import", cls=Command)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--from", "name", metavar="CONNECTOR", help="Whose kind of file it is; without it, each is asked.")
@click.option("--platform", metavar="NAME", help="Where it was said, if a CSV or JSON file does not say so itself.")
@click.pass_obj
def import_(session: Session, file: Path, name: str | None, platform: str | None) -> None:
    """Keep the posts of a FILE you have: a platform's data export, an mbox, CSV or JSON Lines."""
    from listener.wording import counted

    found = _with_progress(lambda watch: session.app.import_file(file, name, watch, platform))
    people = "1 person" if found.accounts == 1 else f"{found.accounts:,} people"
    extra = f", {people} you know" if found.accounts else ""
    rejected = counted(found.rejected, "row")
    extra += f"; {rejected} set aside as unreadable (`listener doctor`)" if found.rejected else ""
    click.echo(f"Imported {file.name}: {counted(found.posts, 'post')}, {found.new} of them new{extra}")


def _with_progress(work: "Callable[[Callable[[int], None]], Imported]") -> "Imported":
    if not sys.stderr.isatty():
        return work(lambda _: None)
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("Importing {task.completed:.0f} posts"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("import", total=None)
        return work(lambda posts: progress.update(task, completed=posts))
