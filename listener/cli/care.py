"""`listener init`, `prune`, `doctor`, `backup`, `restore` and `policy`."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from listener.cli import Command, Session
from listener.cli.values import json_option
from listener.errors import ListenerError

if TYPE_CHECKING:
    from listener.starter import Answers


@click.command(cls=Command)
@click.option("--starter", is_flag=True, help="Take the starter: public feeds that need no key.")
@click.option("--demo", is_flag=True, help="Fill the store with a sample day; no network needed.")
@click.option("--force", is_flag=True, help="Replace a configuration that is there.")
@click.pass_obj
def init(session: Session, starter: bool, demo: bool, force: bool) -> None:
    """Write a first configuration: answer three questions, or take the starter, or look at the demo."""
    if demo:
        _demo(session)
        return
    from listener import starter as first

    path = _config_path(session)
    if path.exists() and not force:
        raise ListenerError(f"{path} is there already; --force replaces it, `listener up` uses it")
    asks = not starter and sys.stdin.isatty()
    text = first.from_answers(_ask()) if asks else first.starter()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    click.echo(f"Wrote {path}. Next: listener up")


def _config_path(session: Session) -> Path:
    from listener.app import user_config

    return session.config or user_config()


def _ask() -> "Answers":
    from listener.app import App
    from listener.config import Config
    from listener.starter import Answers

    app = App(Config())
    click.echo("Three questions; leave any of them empty.")
    offer = click.prompt("What do you offer? (a sentence)", default="", show_default=False)
    know = click.prompt(
        "What do you know that others ask about? (topics, comma between)", default="", show_default=False
    )
    click.echo("Who do you listen to? Paste pages, profiles, r/names, #tags@servers, one a line; an empty line ends.")
    listen_to: list[str] = []
    while line := click.prompt(">", default="", show_default=False, prompt_suffix=" ").strip():
        if app.feed_for(line) is None:
            click.echo("No connector knows that; paste the address of a page, a profile or a feed.")
        else:
            listen_to.append(line)
    app.close()
    return Answers(offer, know, tuple(listen_to))


def _demo(session: Session) -> None:
    app = session.app
    added = app.fill_with_demo()
    click.echo(f"Put a sample day of {added} posts into {app.store_path}. Next: listener briefing")


@click.command(cls=Command)
@click.pass_obj
def prune(session: Session) -> None:
    """Delete raw answers, and posts if you set a limit, that are past their retention; labelled posts stay."""
    gone = session.app.maintain()
    click.echo("Deleted " + ", ".join(f"{count} {kind}" for kind, count in gone.items()))


@click.command(cls=Command)
@json_option
@click.pass_obj
def doctor(session: Session, as_json: bool) -> int:
    """Look at configuration, store, network guard, classifier and feeds; say what is wrong and what to do."""
    findings = session.app.doctor()
    marks = {"ok": "✓", "warning": "!", "error": "✗"}
    for finding in findings:
        if as_json:
            row = {"level": finding.level, "subject": finding.subject, "message": finding.message}
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(f"{marks[finding.level]} {finding.subject}: {finding.message}")
    return 1 if any(finding.level == "error" for finding in findings) else 0


@click.command(cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(session: Session, file: Path) -> None:
    """Write a complete, checked copy of the store to FILE, beside a running `listener up`."""
    session.app.store.backup(file)
    click.echo(f"Wrote {file} ({_size(file.stat().st_size)})")


@click.command(cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def restore(session: Session, file: Path) -> None:
    """Put the backup FILE in the store's place; the old store is kept beside it."""
    kept = session.app.restore(file)
    click.echo(f"Restored {session.app.store_path} from {file}" + (f"; the old store is {kept}" if kept else ""))


@click.command(cls=Command)
@json_option
@click.pass_obj
def policy(session: Session, as_json: bool) -> None:
    """Show what each platform's terms let us do with its posts."""
    rows = session.app.policies()
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    _print_policies(rows)


def _print_policies(rows: Iterable[dict[str, str | int | bool | None]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("platform", "store text", "keep", "link people", "lead records", "pass on", "note"):
        table.add_column(heading, overflow="fold")
    words = {True: "yes", False: "no"}
    for row in rows:
        keep = f"{row['keep_days']} days" if row["keep_days"] else "as you set"
        table.add_row(
            str(row["platform"]),
            words[bool(row["store_text"])],
            keep,
            words[bool(row["link_identities"])],
            words[bool(row["lead_profiles"])],
            words[bool(row["redistribute"])],
            "; ".join(str(row[key]) for key in ("retired", "attribution", "note") if row[key]),
        )
    Console().print(table)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count} bytes"
