"""The command line: a thin face over the verbs of `listener.app`.

Exit codes: 0 done, 1 failed with a reason on stderr, 2 wrong usage or configuration.
Heavy modules are imported where they are used, so that `--help` answers at once.
"""

import codecs
import io
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from listener import __version__
from listener.errors import ConfigError, ListenerError, QueryError

if TYPE_CHECKING:
    from listener.app import App

COMMANDS: Final = {
    "init": ("care", "Write a first configuration: answer three questions, or take the starter or the demo."),
    "up": ("run", "Poll everything, print the briefing, then stay up and keep polling."),
    "poll": ("run", "Poll the feeds that are due, or those named, or all."),
    "feeds": ("feeds", "List, add, remove, check, change, import and export feeds."),
    "posts": ("posts", "List posts, newest first."),
    "search": ("posts", "Find posts by their words, or by a query."),
    "show": ("posts", "Show one post whole."),
    "label": ("posts", "Say what a post is, or is not."),
    "model": ("model", "See, teach, measure and explain the classifier."),
    "briefing": ("briefing", "Print the briefing: stories, leads and questions, with an end; or mail it."),
    "done": ("briefing", "Say that you are through with posts of a briefing."),
    "star": ("briefing", "Keep posts for good."),
    "snooze": ("briefing", "Hear nothing of posts for some time."),
    "undo": ("briefing", "Take back the last of done, star and snooze."),
    "rules": ("rules", "List, add, edit, preview, test, pause and remove rules: saved searches that can alert."),
    "mute": ("why", "List, add and remove what you want to hear nothing of."),
    "why": ("why", "Walk every rule for a post: matched or not, and which part decided."),
    "leads": ("work", "List the leads with their state, and set it."),
    "questions": ("work", "List the questions with their state, claim one."),
    "alerts": ("alerts", "List alerts, deliver what is due, send again, hold and release."),
    "channels": ("channels", "List where alerts may go, or add, test, look after and remove channels."),
    "connectors": ("connectors", "List what can be read: what each connector needs, costs and allows."),
    "accounts": ("connectors", "List whom you follow, or import it from a platform."),
    "people": ("people", "Say who is who: people, their accounts, their circles."),
    "import": ("connectors", "Keep the posts of a file you have: an export, an mbox, CSV, JSON Lines."),
    "prune": ("care", "Delete what the retention no longer covers."),
    "doctor": ("care", "Look for what is wrong, and say what to do."),
    "backup": ("care", "Write a complete, checked copy of the store."),
    "restore": ("care", "Put a backup in the store's place."),
    "policy": ("care", "Show what each platform's terms let us do."),
}
"""Command to its module here and its one line of help: the modules load when they are called."""


@dataclass(slots=True)
class Session:
    """What the options say; the app is built when a command first asks for it."""

    config: Path | None = None
    store: str | None = None
    verbose: bool = False
    _app: "App | None" = None

    @property
    def app(self) -> "App":
        """Build the app from the configuration; ConfigError where that is wrong."""
        if self._app is None:
            from listener.app import App

            _log(logging.INFO if self.verbose else logging.ERROR)
            self._app = App.open(self.config, self.store)
        return self._app

    @property
    def reader(self) -> "App":
        """Build the app for a command that shows what a store has: one that --store names must be there."""
        self.app.makes_store = self.store is None
        return self.app

    def close(self) -> None:
        """Close what was opened."""
        if self._app is not None:
            self._app.close()


def _set_option(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:  # noqa: ARG001 click's shape; any option's value
        if value not in (None, False):
            setattr(context.ensure_object(Session), name, value)

    return keep


def _shared() -> list[click.Parameter]:
    """Make the options that work on every command, before or after its name."""
    return [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            expose_value=False,
            callback=_set_option("config"),
            help="Configuration file (else LISTENER_CONFIG, ./config.toml, the user's config folder).",
        ),
        click.Option(
            ["--store"], metavar="URL", expose_value=False, callback=_set_option("store"), help="Store to use instead."
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_set_option("verbose"),
            help="Log every poll to stderr.",
        ),
    ]


class Command(click.Command):
    """A command that also takes the options of `_shared`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # click's own open signature
        super().__init__(*args, **kwargs)
        self.params += _shared()


class Group(click.Group):
    """A group whose commands take the shared options."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # click's own open signature
        super().__init__(*args, **kwargs)
        self.params += _shared()


class LazyGroup(Group):
    """The top group: it lists all commands and imports the module of the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the commands in the order of a user's day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None: there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"listener.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name + "_" * iskeyword(cmd_name))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="listener")
@click.pass_context
def cli(context: click.Context) -> None:
    """Hear your whole network in one place, and be done in ten minutes.

    Start with `listener init`, then `listener up`.
    """
    context.ensure_object(Session)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _degrade()
    sys.exit(answer(sys.argv[1:]))


def answer(arguments: list[str]) -> int:
    """Run one command; give its exit code. Every error leaves as one line on stderr."""
    session = Session()
    try:
        result = cli.main(arguments, prog_name="listener", standalone_mode=False, obj=session)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        _complain("stopped")
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfigError as error:
        _complain(str(error))
        return 2
    except QueryError as error:
        click.echo(f"{error.caret()}\nlistener: {error}", err=True)
        return 2
    except ListenerError as error:
        _complain(str(error))
        return 1
    except BrokenPipeError:
        _drop_output()
        return 0
    except OSError as error:
        _complain(f"{error.filename or 'cannot write'}: {error.strerror or error}")
        _drop_output()
        return 1
    finally:
        session.close()


def _log(level: int) -> None:
    """Configure logging, the only place that does: to stderr, secrets redacted, chatty libraries held down."""
    from listener import secrets

    secrets.install()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    # It would warn at each tick that a tick still runs, which is how a slow host is waited for.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _complain(message: str) -> None:
    from listener.wording import lines

    click.echo(f"listener: {lines(message)}", err=True)


def _drop_output() -> None:
    """Let what is still to be written go nowhere, so that the end of the process does not fail on it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _degrade() -> None:
    """Write what the output's encoding lacks as four hexadecimal digits, as JSON does, instead of failing."""
    codecs.register_error("listener", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="listener")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)), error.end
