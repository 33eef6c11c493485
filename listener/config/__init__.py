"""The configuration: one TOML file, read once, into a frozen model.

Every setting, with its default: `config.example.toml` and `docs/configuration.md`, both tested against the model.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args

from platformdirs import user_data_path
from pydantic import BaseModel, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from listener.config.alerting import AlertsSection, RuleEntry
from listener.config.sections import (
    LIST,
    STRICT,
    BriefingSection,
    ChannelEntry,
    FeedEntry,
    GoalEntry,
    JudgeSection,
    LabelsSection,
    MailSection,
    MeSection,
    NetworkSection,
    PersonEntry,
    PolicySection,
    StoreSection,
    is_line_break,
)
from listener.errors import ConfigError
from listener.secrets import read_secret

FILE: Final = "config.toml"
VARIABLE: Final = "LISTENER_CONFIG"
STORE_FILE: Final = "listener.db"
NOWHERE: Final = "configuration"
"""Names the place of a setting when there is no file."""

_RIGHT: Final = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be an ordinary number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list in brackets",
    "model_type": "must be a section of its own",
    "dict_type": "must be a section of its own",
    "missing": "is missing",
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be less than {lt:g}",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "value_error": "{error}",
}

_NO_SECRET: Final = ("mailto:", "mail", "terminal")
"""Addresses of channels that may be written as they are."""

Model = TypeVar("Model", bound=BaseModel)

__all__ = [
    "ChannelEntry",
    "Config",
    "FeedEntry",
    "GoalEntry",
    "PersonEntry",
    "RuleEntry",
    "channel_secrets",
    "check_connectors",
    "check_settings",
    "connector_settings",
    "judge_key",
    "keys",
    "load",
    "mail_password",
]


class Config(BaseModel):
    """Everything the file says, defaults filled in, paths absolute."""

    model_config = STRICT

    store: StoreSection = StoreSection()
    network: NetworkSection = NetworkSection()
    briefing: BriefingSection = BriefingSection()
    mail: MailSection = MailSection()
    labels: LabelsSection = LabelsSection()
    judge: JudgeSection = JudgeSection()
    me: MeSection = MeSection()
    policy: PolicySection = PolicySection()
    feeds: Annotated[tuple[FeedEntry, ...], LIST] = ()
    goals: Annotated[tuple[GoalEntry, ...], LIST] = ()
    people: Annotated[tuple[PersonEntry, ...], LIST] = ()
    channels: Annotated[tuple[ChannelEntry, ...], LIST] = ()
    alerts: AlertsSection = AlertsSection()
    rules: Annotated[tuple[RuleEntry, ...], LIST] = ()
    # Any: each connector brings its own settings model, see `connector_settings`.
    connectors: Mapping[str, dict[str, Any]] = Field(default={}, repr=False)

    _path: Path | None = PrivateAttr(None)
    _folder: Path = PrivateAttr(Path())
    _environ: Mapping[str, str] = PrivateAttr({})

    @property
    def path(self) -> Path | None:
        """The file all this was read from; None: there was none, all is default."""
        return self._path


def load(
    path: Path | None,
    environ: Mapping[str, str],
    cwd: Path,
    user_folder: Path,
    *,
    data_folder: Path | None = None,
    store: str | None = None,
) -> Config:
    """Read the first of `path` (`--config`), LISTENER_CONFIG, `cwd`/config.toml, `user_folder`/config.toml, or none.

    `store` (`--store`) outranks the file; `data_folder` holds the default store (None: the platform's own place).
    Raise ConfigError naming file, key and what would be right, all problems at once.
    """
    file = _find(path, environ, cwd, user_folder)
    place = str(file or NOWHERE)
    config = _validated(Config, _read(file) if file else {}, place)
    _raise([f"{place}: {problem}" for problem in _repeated(config)])
    config._path, config._folder, config._environ = file, file.parent if file else cwd, environ
    if store is not None:
        url = _store_url("--store", store, cwd, environ)
    elif config.store.url is not None:
        url = _store_url(f"{place}: store.url", config.store.url.get_secret_value(), config._folder, environ)
    else:
        url = _sqlite((data_folder or user_data_path("listener", appauthor=False)) / STORE_FILE)
    section = config.store.model_copy(update={"url": SecretStr(url)})
    return config.model_copy(update={"store": section})


def connector_settings(config: Config, name: str, model: type[Model]) -> Model:
    """Read `[connectors.NAME]` as the connector's own settings; only now are its secrets fetched."""
    section = f"connectors.{name}"
    place = str(config.path or NOWHERE)
    table = dict(config.connectors.get(name, {}))
    for key, value in table.items():
        if isinstance(value, str) and _is_secret(model, key):
            table[key] = read_secret(f"{place}: {section}.{key}", value, config._environ, config._folder)
    return _validated(model, table, place, section)


def judge_key(config: Config) -> str | None:
    """Fetch the judge's key, only now that it is needed; None: it has none."""
    return _fetched(config, "judge.key", config.judge.key)


def mail_password(config: Config) -> str | None:
    """Fetch the mail server's password, only now that it is needed; None: it has none."""
    return _fetched(config, "mail.password", config.mail.password)


def channel_secrets(config: Config, number: int) -> tuple[str, tuple[str, ...]]:
    """Fetch a channel's address and what it is signed with, only now that they are needed."""
    channel, key = config.channels[number], f"channels[{number + 1}]"
    said = channel.url.get_secret_value()
    url = said if said.startswith(_NO_SECRET) else _fetched(config, f"{key}.url", channel.url)
    signing = [_fetched(config, f"{key}.{name}", getattr(channel, name)) for name in ("secret", "old_secret")]
    return url or "", tuple(secret for secret in signing if secret)


def _fetched(config: Config, key: str, value: SecretStr | None) -> str | None:
    if value is None:
        return None
    return read_secret(f"{config.path or NOWHERE}: {key}", value.get_secret_value(), config._environ, config._folder)


def check_settings(config: Config, name: str, model: type[BaseModel]) -> None:
    """Raise ConfigError where `[connectors.NAME]` holds an unknown key or a wrong value; no secret is fetched."""
    section, place = f"connectors.{name}", str(config.path or NOWHERE)
    table = dict(config.connectors.get(name, {}))
    for key, value in table.items():
        if isinstance(value, str) and _is_secret(model, key):
            if not value.startswith(("env:", "file:")):
                raise ConfigError(
                    f'{place}: {section}.{key}: secrets are not written here; say "env:NAME" or "file:PATH"'
                )
            table[key] = "not fetched yet"
    _validated(model, table, place, section)


def check_connectors(config: Config, known: Sequence[str]) -> None:
    """Raise ConfigError where a section or a feed names a connector that is not among `known`."""
    named = [(f"connectors.{name}", name) for name in config.connectors]
    named += [(f"feeds[{n}].connector", feed.connector) for n, feed in enumerate(config.feeds, 1) if feed.connector]
    place = config.path or NOWHERE
    _raise(
        [
            f"{place}: {key}: no connector is called {name!r}{_advice(name, known)}"
            for key, name in named
            if name not in known
        ]
    )


def keys(model: type[BaseModel] = Config) -> Iterator[tuple[str, str]]:
    """List every setting as (section, key), in the order of the model; `connectors` is its connectors' own matter."""
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None:
            section = name if inner.__name__.endswith("Section") else f"[{name}]"
            yield from ((section, key) for key in inner.model_fields)


def _raise(problems: Sequence[str]) -> None:
    if problems:
        raise ConfigError("\n".join(problems))


# finding and reading the file


def place(path: Path | None, environ: Mapping[str, str], cwd: Path, user_folder: Path) -> Path:
    """Say where a configuration belongs: at the named place, else where one is read from, else in `user_folder`."""
    named = path or (Path(environ[VARIABLE]) if environ.get(VARIABLE) else None)
    return cwd / named if named else _find(None, {}, cwd, user_folder) or user_folder / FILE


def _find(path: Path | None, environ: Mapping[str, str], cwd: Path, user_folder: Path) -> Path | None:
    if path is not None:
        return _named(path, cwd, "--config")
    if environ.get(VARIABLE):
        return _named(Path(environ[VARIABLE]), cwd, VARIABLE)
    places = (cwd / FILE, user_folder / FILE)
    return next((place for place in places if os.path.isfile(place)), None)


def _named(path: Path, cwd: Path, by: str) -> Path:
    file = cwd / path
    if not os.path.exists(file):
        raise ConfigError(f"{file}: there is no such file (named by {by}); `listener init` makes one")
    return file


def _read(file: Path) -> dict[str, Any]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    try:
        # Some editors put a byte order mark in front, which TOML does not know.
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}: line {line}: this is not UTF-8 text; save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {_toml_problem(str(error), data)}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: a number is too long, or lists are nested too deep") from error


def _toml_problem(message: str, data: bytes) -> str:
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    what, line = (found[1], found[2] or data.count(b"\n") + 1) if found else (message, "?")
    return f"line {line}: this is not TOML: {what}"


# what is wrong, in words


def _validated(model: type[Model], table: dict[str, Any], place: str, section: str = "") -> Model:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    # Outside the handler: the error of a connector's own model would show the value, which may be a secret.
    raise ConfigError("\n".join(f"{place}: {_problem(model, detail, section)}" for detail in details))


def _problem(model: type[BaseModel], detail: ErrorDetails, section: str) -> str:
    place = _key(detail["loc"], section)
    if detail["type"] == "extra_forbidden":
        return f"{place}: unknown key{_nearest(model, detail['loc'])}"
    if detail["type"] == "tuple_type" and _model_at(model, detail["loc"]) is not _model_at(model, detail["loc"][:-1]):
        return f"{place}: must be written as [[{place}]], once for each"
    if detail["type"] == "value_error" and section and _is_secret(model, str(detail["loc"][0])):
        return f"{place}: the secret is not of the right form"
    return f"{place}: {_right(detail)}"


def _key(loc: tuple[int | str, ...], section: str) -> str:
    """Write `feeds[2].url` for the second feed's address, as a person counts."""
    text = section
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _right(detail: ErrorDetails) -> str:
    right = _RIGHT.get(detail["type"])
    if right is None:
        return detail["msg"].replace("Input should be", "must be")
    return right.format(**detail.get("ctx", {}))


def _nearest(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    here = list(_model_at(model, loc[:-1]).model_fields)
    elsewhere = {key: section for section, key in keys(model)}
    name = str(loc[-1])
    found = _close(name, here) or _close(name, list(elsewhere))
    if found and found[0] not in here:
        return f"; did you mean {found[0]!r} in [{elsewhere[found[0]]}]?"
    return _advice(name, here)


def _advice(name: str, known: Sequence[str]) -> str:
    found = _close(name, known)
    return f"; did you mean {found[0]!r}?" if found else f"; there are: {', '.join(known)}"


def _close(name: str, known: Sequence[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(name, known, 1)


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    for part in loc:
        field = model.model_fields.get(str(part))
        model = (_model_in(field.annotation) if field else None) or model
    return model


# Any: an annotation may be a class, a union or an alias, which share no type.
def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _repeated(config: Config) -> Iterator[str]:
    seen: dict[tuple[str | None, ...], int] = {}
    for number, feed in enumerate(config.feeds, 1):
        first = seen.setdefault((feed.url, feed.connector, feed.query), number)
        if first != number:
            yield f"feeds[{number}]: the same feed as feeds[{first}]; keep one of them"
    names: dict[str, int] = {}
    for number, goal in enumerate(config.goals, 1):
        first = names.setdefault(goal.name, number)
        if first != number:
            yield f"goals[{number}].name: goals[{first}] has this name; every goal needs its own"
    names = {}
    for number, channel in enumerate(config.channels, 1):
        first = names.setdefault(channel.name, number)
        if first != number:
            yield f"channels[{number}].name: channels[{first}] has this name; every channel needs its own"
    names = {}
    for number, rule in enumerate(config.rules, 1):
        first = names.setdefault(rule.name.casefold(), number)
        if first != number:
            yield f"rules[{number}].name: rules[{first}] has this name; every rule needs its own"
        if (problem := rule.problem()) is not None:
            yield f"rules[{number}]: {problem}"
    called: dict[str, str] = {config.me.name.lower(): "me.name"} if config.me.accounts else {}
    for number, person in enumerate(config.people, 1):
        taken = called.setdefault(person.name.lower(), f"people[{number}]")
        if taken != f"people[{number}]":
            yield f"people[{number}].name: {taken} has this name; every person needs their own"


# secrets and the store


def _is_secret(model: type[BaseModel], key: str) -> bool:
    field = model.model_fields.get(key)
    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))


def _store_url(key: str, text: str, folder: Path, environ: Mapping[str, str]) -> str:
    """Give the store's URL with an absolute path; relative ones start at `folder`."""
    if text.startswith(("env:", "file:")):
        text = read_secret(key, text, environ, folder)
    scheme, separator, rest = text.partition("://")
    path = rest.removeprefix("/") if separator else text
    is_file = not separator or (scheme == "sqlite" and rest.startswith("/"))
    if scheme in ("postgresql", "postgres") and separator:
        return text
    if not (is_file and path and not any(map(is_line_break, path))):
        raise ConfigError(f"{key}: must be a file's path or sqlite:///path")
    file = folder / os.path.expanduser(path)
    if os.path.isdir(file):
        raise ConfigError(f"{key}: {file} is a folder; name a file in it")
    return _sqlite(file)


def _sqlite(path: Path) -> str:
    return f"sqlite:///{Path(os.path.abspath(path)).as_posix()}"
