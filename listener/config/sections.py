"""The sections of the configuration: what each key may hold and what it is without the user's word.

The sentence under a key is its documentation, held equal in `config.example.toml` and `docs/configuration.md`.
"""

import re
import unicodedata
import warnings
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from listener import limits
from listener.addresses import PORTS, NetworkRules
from listener.alerts import BUILT_IN, CHANNEL
from listener.briefing import SECTIONS, Section
from listener.errors import ConfigError
from listener.types import Goal

INTERVAL_SHORTEST_S: Final = 60.0
"""No feed is worth more than a poll a minute; whoever needs more wants a stream."""

# TOML is typed, so "7" is no number and 1 is not true; only lists have to become tuples.
STRICT: Final = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)
LIST: Final = Field(strict=False)

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Words = Annotated[str, Field(min_length=1, max_length=limits.TEXT_BYTES)]
Texts = Annotated[tuple[Words, ...], LIST]


def is_line_break(character: str) -> bool:
    """Tell what cannot stand in one line of text: controls, line ends, halves of surrogate pairs.

    Joiners and direction marks may: names and emoji are written with them.
    """
    return unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"}


def _one_line(text: str) -> str:
    if any(map(is_line_break, text)):
        raise ValueError("must be one line without control characters")
    return text


Line = Annotated[str, Field(min_length=1, max_length=limits.TITLE_BYTES), AfterValidator(_one_line)]
Address = Annotated[str, Field(min_length=1, max_length=limits.URL_BYTES), AfterValidator(_one_line)]


def _clock(value: object) -> object:
    """Read "07:30"; TOML's own 07:30:00 is a time already."""
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value, re.ASCII):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise ValueError('must be a time of day such as "07:30"')


def _day(name: str) -> str:
    if name not in DAYS:
        raise ValueError(f"must be one of {', '.join(DAYS)}")
    return name


def _mail_address(text: str) -> str:
    from listener.mailer import is_address

    if not is_address(text):
        raise ValueError('must be a mail address such as "you@example.org" or "You <you@example.org>"')
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError('must be a time zone\'s name such as "Europe/Berlin"') from error
    return name


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:-]+", text):
        raise ValueError('must be a server\'s name such as "smtp.example.org"')
    return text


def _contact(text: str) -> str:
    if not re.fullmatch(r"(https?://|mailto:)[\x21-\x7e]+", text):
        raise ValueError("must be an address that starts with https://, http:// or mailto:")
    return text


def _channel(name: str) -> str:
    if not CHANNEL.fullmatch(name):
        raise ValueError("must be small letters, digits, '-', '_' and '.', at most 40")
    if name in BUILT_IN:
        raise ValueError("is built in; choose another name")
    return name


def _endpoint(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", text):
        raise ValueError("must be an address that starts with https:// or http://, without a name or a query in it")
    return text


def _openings(entries: tuple[str, ...]) -> tuple[str, ...]:
    try:
        NetworkRules(allow_private=entries)
    except ConfigError as error:
        raise ValueError(str(error).removeprefix("network.allow_private: ")) from error
    return entries


def _system_zone() -> ZoneInfo:
    from tzlocal import get_localzone

    try:
        with warnings.catch_warnings():
            # A machine without any setting is on UTC, which is no reason to complain.
            warnings.simplefilter("ignore")
            return get_localzone()
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError("briefing.timezone: the system does not tell its time zone; set it here") from error


def _each_once(names: tuple[Section, ...]) -> tuple[Section, ...]:
    if len(set(names)) < len(names):
        raise ValueError("must name each section once")
    return names


class StoreSection(BaseModel):
    """Where posts live, and for how long."""

    model_config = STRICT

    url: SecretStr | None = None
    """A file path or `sqlite:///path`; without it, `listener.db` in your data folder."""
    raw_days: float = Field(default=7.0, ge=0)
    """How long the answers as they came are kept, in days."""
    post_days: float | None = Field(default=None, gt=0)
    """How long posts are kept, in days; without it, for ever. Posts you labelled stay."""

    @property
    def path(self) -> Path | None:
        """The SQLite file, absolute; None: another engine."""
        url = self.url.get_secret_value() if self.url else ""
        return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


class NetworkSection(BaseModel):
    """What the program may reach, and how it names itself."""

    model_config = STRICT

    allow_private: Annotated[Texts, AfterValidator(_openings)] = ()
    """Private hosts or networks that may be reached, such as `"127.0.0.1:8000"` or `"192.168.1.0/24"`."""
    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], LIST] = PORTS
    """Ports that may be reached on public hosts."""
    contact: Annotated[Line, AfterValidator(_contact)] | None = None
    """A page or mail address of yours, told to every server in the User-Agent."""

    def rules(self) -> NetworkRules:
        """Give the guard its rules."""
        return NetworkRules(allow_private=self.allow_private, ports=self.ports)


class BriefingSection(BaseModel):
    """When the briefing is due, and how long it may take."""

    model_config = STRICT

    at: Annotated[time, BeforeValidator(_clock)] = time(7, 30)
    """The local time of day at which it is made."""
    minutes: float = Field(default=10.0, ge=1, le=240)
    """How long reading it may take, in minutes."""
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    """Your time zone's name, such as `"Europe/Berlin"`; without it, the system's."""
    words_per_minute: float = Field(default=230.0, ge=50, le=1500)
    """How fast you read."""

    days: Annotated[tuple[Annotated[str, AfterValidator(_day)], ...], LIST] = DAYS
    """The days on which it is made."""

    sections: Annotated[tuple[Section, ...], LIST, AfterValidator(_each_once)] = SECTIONS
    """What it holds, in this order; leave out what you do not want to read."""
    most: Mapping[Section, Annotated[int, Field(ge=1, le=100)]] = Field(default={"leads": 7, "questions": 5})
    """Most items of a section; the minutes bound them all."""

    def weekdays(self) -> frozenset[int]:
        """Give the days as numbers, Monday first."""
        return frozenset(DAYS.index(day) for day in self.days)

    def zone(self) -> ZoneInfo:
        """Give the zone that `at` is meant in."""
        return ZoneInfo(self.timezone) if self.timezone else _system_zone()


class MailSection(BaseModel):
    """Where the briefing is mailed at its hour; off until you name a server and somebody to write to."""

    model_config = STRICT

    host: Annotated[Line, AfterValidator(_host)] | None = None
    """Your provider's server for outgoing mail (SMTP)."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Its port; without it, 587 with STARTTLS, 465 with TLS, 25 in the clear."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`"starttls"`, `"tls"`, or `"none"` for a server on your own machine that `network.allow_private` opens."""
    user: Line | None = None
    """Your name there, mostly your address; many providers want an app password with it."""
    password: SecretStr | None = None
    """Your password there."""
    sender: Annotated[Line, AfterValidator(_mail_address)] | None = None
    """Whom the mail is from; without it, the first of `to`."""
    to: Annotated[tuple[Annotated[Line, AfterValidator(_mail_address)], ...], LIST] | None = None
    """Whom it is for: addresses such as `"you@example.org"`, nobody else is ever written to."""

    @model_validator(mode="after")
    def _is_whole(self) -> "MailSection":
        if (self.host is None) == bool(self.to):
            raise ValueError("needs both `host` and `to`")
        if (self.user is None) != (self.password is None):
            raise ValueError("needs both `user` and `password`, or neither")
        return self


class LabelsSection(BaseModel):
    """How sure the classifier must be, from 0 to 1; without a value, as measured for the shipped model."""

    model_config = STRICT

    lead: float | None = Field(default=None, gt=0, lt=1)
    """Lowest probability at which a post counts as a lead."""
    question: float | None = Field(default=None, gt=0, lt=1)
    """Lowest probability at which a post counts as a question."""
    news: float | None = Field(default=None, gt=0, lt=1)
    """Lowest probability at which a post counts as news."""
    second_look: bool = True
    """A small network reads once more the posts that the classifier is unsure of, where the extra `second` is there."""


class MeSection(BaseModel):
    """Who you are: your own accounts, so that mentions of you, replies to you and your own posts come in."""

    model_config = STRICT

    accounts: Annotated[tuple[Line, ...], LIST] = ()
    """Your accounts as you would write them, such as `"@name@server"` or `"name.example"`."""
    name: Line = "me"
    """What you are called among your people."""


class PolicySection(BaseModel):
    """What you switch on where a platform's terms say no by default; read `listener policy` first."""

    model_config = STRICT

    lead_profiles: Annotated[tuple[Line, ...], LIST] = ()
    """Platforms where a record of a person as a lead may be kept."""
    link_identities: Annotated[tuple[Line, ...], LIST] = ()
    """Platforms whose accounts may be tied to a person's accounts elsewhere."""


class JudgeSection(BaseModel):
    """A language model that is asked about posts the classifier is unsure of; off until you name an endpoint."""

    model_config = STRICT

    base_url: Annotated[Address, AfterValidator(_endpoint)] | None = None
    """Any endpoint that speaks OpenAI's interface; one on your own machine needs `network.allow_private` too."""
    model: Line = "default"
    """The model's name there."""
    key: SecretStr | None = None
    """Your key there; a model on your own machine needs none."""
    calls_a_day: float = Field(default=50.0, ge=0, le=100_000)
    """Most posts that it is asked about in a day."""
    tokens_a_day: float = Field(default=50_000.0, ge=0, le=100_000_000)
    """Most tokens that this may cost in a day."""
    low: float = Field(default=0.15, ge=0, lt=1)
    """It is asked where a label's probability is at least this…"""
    high: float = Field(default=0.75, gt=0, le=1)
    """…and at most this."""
    summaries: bool = False
    """It also writes a sentence on each story of a briefing, marked as a model's, with its sources."""


class FeedEntry(BaseModel):
    """One feed to poll, beside those that are added by command."""

    model_config = STRICT

    url: Address | None = None
    """What you would paste: a feed, a page that names its feed, a profile, a search."""
    connector: Line | None = None
    """Instead of `url`: the connector to ask…"""
    query: Line | None = None
    """…and its own query."""
    title: Line | None = None
    """Your name for it; without one, the feed's own."""
    folder: Line | None = None
    """Where it is listed; `/` makes a folder inside a folder."""
    interval_s: float | None = Field(default=None, ge=INTERVAL_SHORTEST_S, le=limits.INTERVAL_MAX_S)
    """Seconds between two polls; without it, the interval follows what the feed does."""
    paused: bool = False
    """Keep the feed and its posts, but do not poll it."""

    @model_validator(mode="after")
    def _names_one_place(self) -> "FeedEntry":
        ways = (self.url is not None, self.connector is not None, self.query is not None)
        if ways not in ((True, False, False), (False, True, True)):
            raise ValueError("needs either `url`, or `connector` and `query`")
        return self


class PersonEntry(BaseModel):
    """Somebody you know or want to know, beside those that are added by command."""

    model_config = STRICT

    name: Line
    """Your name for them."""
    accounts: Annotated[tuple[Line, ...], LIST] = ()
    """Their accounts as you would write them: pages, `"@name@server"`, a site's address, or `"platform:name"`."""
    circles: Annotated[tuple[Line, ...], LIST] = ()
    """The groups they belong to, such as `"customers"` or `"peers"`."""


class ChannelEntry(BaseModel):
    """One place that alerts may go to, beside those that are added by command."""

    model_config = STRICT

    name: Annotated[Line, AfterValidator(_channel)]
    """What rules call it."""
    url: SecretStr
    """Its address, mostly a secret: an Apprise address, or an http(s) one, which becomes a signed webhook."""
    secret: SecretStr | None = None
    """What a webhook is signed with."""
    old_secret: SecretStr | None = None
    """What it was signed with before; it signs, too, until you take it out."""


class GoalEntry(BaseModel):
    """One goal, in your own words."""

    model_config = STRICT

    name: Line
    """A short name for it."""
    sentence: str = Field(default="", max_length=limits.TEXT_BYTES)
    """What you want to reach."""
    offers: Texts = ()
    """What you can give: services, products, help."""
    examples: Texts = ()
    """Posts you would want to see, as somebody might write them."""
    words: Texts = ()
    """Words or phrases that speak for a post."""
    avoid: Texts = ()
    """Words or phrases that speak against it."""

    def goal(self) -> Goal:
        """Give it as the rest of the program knows it."""
        return Goal(self.name, self.sentence, self.offers, self.examples, self.words, self.avoid)
