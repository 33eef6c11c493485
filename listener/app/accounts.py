"""How an account that a person writes becomes a tie, and whether the platforms' terms let it stand with others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from listener.config import Config
from listener.errors import ConfigError
from listener.people import Person, Tie, unlinkable
from listener.policy import Policies
from listener.types import Account

if TYPE_CHECKING:
    from listener.connector import Connector


class Accounts:
    """Reads accounts by asking every connector."""

    def __init__(self, described: "Callable[[str], Connector]", policy: Policies) -> None:
        self._described = described
        self._policy = policy

    def tie(self, text: str) -> Tie:
        """Say which account a text means; ConfigError where none or several platforms know it."""
        from listener.connector import connectors

        text = text.strip()
        platform, _, name = text.partition(":")
        if name.strip() and not name.startswith("//") and platform.lower() in self._platforms():
            return self._on(platform.lower(), text, name.strip())
        claims: dict[str, str] = {}
        for catch_all in (False, True):
            named = [name for name, kind in connectors().items() if kind.catch_all == catch_all]
            claims = claims or {one: said for one in named if (said := self._described(one).whose(text)) is not None}
        if len(claims) > 1:
            ways = " or ".join(f"{one}:{said}" for one, said in claims.items())
            raise ConfigError(f"{text!r} may be an account of several platforms; say {ways}")
        if not claims:
            raise ConfigError(
                f"no connector knows {text!r} as an account; say platform:name, as in rss:example.org"
                " (`listener policy` lists the platforms)"
            )
        return Tie(*next(iter(claims.items())))

    def mine(self, text: str) -> list[Tie]:
        """List the accounts that a text of `[me] accounts` means, one for each platform that reads it."""
        from listener.connector import names

        found = [name for name in names() if self._described(name).mine(text)]
        said = {name: self._described(name).whose(text) or _bare(text) for name in found}
        return [Tie(name, who) for name, who in said.items() if who]

    def refuse(self, person: Person) -> None:
        """Raise ConfigError where the terms of a platform let nobody tie these accounts; the user's own they may."""
        named = [Account(tie.platform, tie.name) for tie in person.ties]
        barred = [] if person.is_me else unlinkable(named, self._policy.may_link)
        if barred:
            platform = barred[0].platform
            raise ConfigError(
                f"{person.name}: accounts of {platform} may not be tied to accounts elsewhere:"
                f" {self._policy.of(platform).note} Where you have their consent, say"
                f' link_identities = ["{platform}"] under [policy]'
            )

    def configured(self, config: Config) -> list[Person]:
        """Read `[me]` and `[[people]]`; ConfigError names the key."""
        found = []
        if config.me.accounts:
            ties = dict.fromkeys(tie for text in config.me.accounts for tie in self.mine(text))
            found.append(Person(config.me.name, ties=tuple(ties), is_me=True, from_config=True))
        for number, entry in enumerate(config.people, 1):
            with _naming(f"{config.path}: people[{number}].accounts"):
                ties = dict.fromkeys(map(self.tie, entry.accounts))
                circles = tuple(dict.fromkeys(entry.circles))
                person = Person(entry.name, circles, tuple(ties), from_config=True)
                self.refuse(person)
            found.append(person)
        _refuse_shared(found, str(config.path))
        return found

    def _on(self, platform: str, text: str, name: str) -> Tie:
        """Read an account whose platform is said; one without a connector has the name as it is written."""
        from listener.connector import names

        if platform in names():
            connector = self._described(platform)
            name = connector.whose(text) or connector.whose(name) or _bare(name)
        return Tie(platform, name)

    def _platforms(self) -> set[str]:
        from listener.connector import names

        return {*self._policy.rows, *names()}


def _bare(text: str) -> str:
    return text.strip().removeprefix("@")


@contextmanager
def _naming(key: str) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from error


def _refuse_shared(persons: Sequence[Person], place: str) -> None:
    whose: dict[tuple[str, str], str] = {}
    for person in persons:
        for tie in person.ties:
            first = whose.setdefault((tie.platform, tie.name.lower()), person.name)
            if first != person.name:
                raise ConfigError(
                    f"{place}: {tie.platform}:{tie.name} is both {first}'s and {person.name}'s; choose one"
                )
