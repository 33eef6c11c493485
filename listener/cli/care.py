"""`listener init`, `prune`, `doctor`, `backup`, `restore` and `policy`."""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from listener.cli import Command, Session
from listener.cli.listing import print_rows
from listener.cli.values import json_option
from listener.errors import ListenerError, Refused

if TYPE_CHECKING:
    from listener.starter import Answers


DEMO_STORE: Final = "demo.db"


@click.command(cls=Command)
@click.option("--starter", is_flag=True, help="Take the starter: public feeds that need no key.")
@click.option("--demo", is_flag=True, help="Look at a sample day, in a store of its own; no network needed.")
@click.option("--force", is_flag=True, help="Replace a configuration that is there.")
@click.pass_obj
def init(session: Session, starter: bool, demo: bool, force: bool) -> None:
    """Write a first configuration: answer three questions, or take the starter, or look at the demo."""
    if starter and demo:
        raise click.UsageError("--starter and --demo are two beginnings; take one")
    if demo:
        _demo(session, force)
        return
    from listener import starter as first

    path = _config_path(session)
    if path.exists() and not force:
        raise ListenerError(f"{path} is there already; --force replaces it, `listener up` uses it")
    answers = _ask() if not starter and sys.stdin.isatty() else first.Answers()
    _write(path, first.starter() if answers == first.Answers() else first.from_answers(answers))
    if not starter and not answers.listen_to:
        click.echo("You named nobody to listen to, so it begins with the starter's public feeds.")
    click.echo(f"Wrote {path}. Next: listener up")


def _config_path(session: Session) -> Path:
    from listener import config
    from listener.app import user_config

    return config.place(session.config, os.environ, Path.cwd(), user_config().parent)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _ask() -> "Answers":
    from listener.app import App
    from listener.config import Config
    from listener.starter import Answers

    click.echo("Three questions; leave any of them empty.")
    offer = click.prompt("What do you offer? (a sentence)", default="", show_default=False)
    know = click.prompt(
        "What do you know that others ask about? (topics, comma between)", default="", show_default=False
    )
    click.echo("Who do you listen to? Paste pages, profiles, r/names, #tags@servers, one a line; an empty line ends.")
    listen_to: list[str] = []
    with closing(App(Config())) as app:
        while line := click.prompt(">", default="", show_default=False, prompt_suffix=" ").strip():
            try:
                known = app.feed_for(line) is not None
            except Refused as error:
                click.echo(f"No: {error}")
                continue
            if known:
                listen_to.append(line)
            else:
                click.echo("No connector knows that; paste the address of a page, a profile or a feed.")
    return Answers(offer.strip(), know.strip(), tuple(listen_to))


def _demo(session: Session, force: bool) -> None:
    """Fill an empty store with the sample day: the one of --store, of the configuration, or one made for it."""
    path, written = _config_path(session), ""
    again = f"listener --store {session.store}" if session.store else ""
    again = again or (f"listener --config {session.config}" if session.config else "listener")
    if session.store is None and (force or not path.exists()):
        _write_demo(path)
        session.config, written = path, f"{path} and "
    app = session.app
    if app.store.feeds() or app.store.stats().posts:
        other = "listener --config demo.toml init --demo"
        raise ListenerError(f"{app.store_path} is in use; the demo wants a store of its own: {other}")
    added = app.fill_with_demo()
    click.echo(f"Put a sample day of {added} posts into {app.store_path}. Next: {again} briefing")
    click.echo(f"To leave the demo, delete {written}{app.store_path}; then `listener init` begins your own.")


def _write_demo(path: Path) -> None:
    from listener import starter

    store = path.with_name(DEMO_STORE)
    if store.exists():
        raise ListenerError(f"{store} is there already; delete it, or give another place: --config FOLDER/demo.toml")
    _write(path, starter.demo(DEMO_STORE))
    click.echo(f"Wrote {path}")


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
    from listener.wording import plain

    findings = session.reader.doctor()
    marks = {"ok": "✓", "warning": "!", "error": "✗"}
    for finding in findings:
        if as_json:
            row = {"level": finding.level, "subject": finding.subject, "message": finding.message}
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(f"{marks[finding.level]} {plain(finding.subject)}: {plain(finding.message)}")
    return 1 if any(finding.level == "error" for finding in findings) else 0


@click.command(cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(session: Session, file: Path) -> None:
    """Write a complete, checked copy of the store to FILE, beside a running `listener up`."""
    session.reader.store.backup(file)
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
    headings = ("platform", "store text", "keep", "link people", "lead records", "pass on", "note")
    rights = ("link_identities", "lead_profiles", "redistribute")
    words = {True: "yes", False: "no"}
    print_rows(
        headings,
        [
            (
                str(row["platform"]),
                words[bool(row["store_text"])],
                f"{row['keep_days']} days" if row["keep_days"] else "as you set",
                *(words[bool(row[right])] for right in rights),
                "; ".join(str(row[key]) for key in ("retired", "attribution", "note") if row[key]),
            )
            for row in rows
        ],
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count} bytes"
