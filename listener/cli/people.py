"""`listener people`: whom you know, which accounts are theirs, in which circles."""

import json
from typing import TYPE_CHECKING

import click

from listener.cli import Group, Session
from listener.cli.values import json_option
from listener.secrets import quoted

if TYPE_CHECKING:
    from listener.app.knowing import PersonRow
    from listener.people import Person

names = click.argument("accounts", metavar="ACCOUNT…", nargs=-1, required=True)


@click.group(cls=Group, invoke_without_command=True)
@json_option
@click.pass_context
def people(context: click.Context, as_json: bool) -> None:
    """Say who is who: people, their accounts, their circles.

    An ACCOUNT is what you would write: the address of its page, `@name@server`, a site, or `platform:name`.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_people, as_json=as_json)


@people.command("list")
@click.option("--circle", metavar="NAME", help="Only people in this circle.")
@json_option
@click.pass_obj
def list_people(session: Session, circle: str | None = None, as_json: bool = False) -> None:
    """List people with their accounts, circles, and when they were last heard."""
    found = session.reader.person_rows(circle)
    for row in found:
        if as_json:
            click.echo(json.dumps(row.as_json(), ensure_ascii=False))
        else:
            _print(row)
    if not found and not as_json:
        click.echo(_nobody(session, circle))


def _nobody(session: Session, circle: str | None) -> str:
    if circle is None:
        return "Nobody yet. `listener people add NAME --account ACCOUNT` keeps somebody."
    known = ", ".join(session.reader.store.people().all_circles()) or "none yet"
    return f"Nobody is in a circle called {quoted(circle)}; there are: {known}"


def _print(row: "PersonRow") -> None:
    from listener.render import plain

    circles = f"  [{plain(', '.join(row.circles))}]" if row.circles else ""
    click.echo(plain(row.person.name) + (" (you)" if row.person.is_me else "") + circles)
    for known in row.accounts:
        proof = "" if known.proof == "user" else f"  proved by {known.proof}"
        heard = "not heard yet" if known.heard_at is None else f"last heard {known.heard_at:%Y-%m-%d}"
        click.echo(f"  {known.platform:<12} {plain(known.name)}{proof}  {heard}")


@people.command()
@click.argument("name")
@click.option("--account", "accounts", metavar="ACCOUNT", multiple=True, help="An account of theirs; may be repeated.")
@click.option("--circle", "circles", metavar="NAME", multiple=True, help="A circle they are in; may be repeated.")
@click.pass_obj
def add(session: Session, name: str, accounts: tuple[str, ...], circles: tuple[str, ...]) -> None:
    """Keep somebody called NAME."""
    _say("Added", session.app.add_person(_line(name), accounts, tuple(map(_line, circles))))


@people.command()
@click.argument("name")
@names
@click.pass_obj
def tie(session: Session, name: str, accounts: tuple[str, ...]) -> None:
    """Say that accounts are those of NAME."""
    _say("Tied", session.app.tie(name, accounts))


@people.command()
@click.argument("name")
@names
@click.pass_obj
def untie(session: Session, name: str, accounts: tuple[str, ...]) -> None:
    """Say that accounts are not those of NAME after all."""
    _say("Untied", session.app.untie(name, accounts))


@people.command()
@click.argument("name")
@click.argument("circles", metavar="CIRCLE…", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take NAME out of them.")
@click.pass_obj
def circle(session: Session, name: str, circles: tuple[str, ...], remove: bool) -> None:
    """Put NAME into circles."""
    named = tuple(map(_line, circles))

    def change(had: tuple[str, ...]) -> list[str]:
        return [one for one in had if one not in named] if remove else [*had, *named]

    _say("Changed", session.app.set_circles(name, change))


@people.command()
@click.argument("name")
@click.pass_obj
def remove(session: Session, name: str) -> None:
    """Forget NAME; accounts and posts stay."""
    from listener.render import plain

    click.echo(f"Removed {plain(session.app.remove_person(name).name)}; accounts and posts stay")


def _line(text: str) -> str:
    found = " ".join(text.split())
    if not found or len(found) > 200 or not found.isprintable():
        raise click.UsageError(f"{quoted(text)} is no name: it must be one line of at most 200 characters")
    return found


def _say(what: str, person: "Person") -> None:
    from listener.render import plain

    accounts = ", ".join(f"{tie.platform}:{tie.name}" for tie in person.ties) or "no accounts"
    circles = f" [{', '.join(person.circles)}]" if person.circles else ""
    click.echo(plain(f"{what} {person.name}{circles}: {accounts}"))
