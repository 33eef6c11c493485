"""Channels: of the configuration, added by command, or built in; tried, kept, spoken to."""

import secrets
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from listener.app.briefings import Delivering
from listener.errors import ConfigError

if TYPE_CHECKING:
    from listener.addressbook import Entry
    from listener.alerts import Delivery, Outcome, Sender, State
    from listener.channels import Reach, Services
    from listener.http import Client
    from listener.sandbox import Sandbox

CONNECT_S: Final = 5.0
READ_S: Final = 10.0
TOTAL_S: Final = 15.0
"""What a webhook's receiver gets; a feed's server may take longer."""
LOST: Final[tuple["State", ...]] = ("dead", "unknown")
RESENT: Final = 100_000


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel as it is listed: nothing in it is secret."""

    name: str
    way: str
    """How it is reached: webhook, mail, terminal, or a service's name."""
    shown: str
    origin: str
    """Where it stands: the configuration, a command, or nowhere: it is built in."""
    fault: str | None
    last: "Delivery | None"

    def as_json(self) -> dict[str, Any]:  # Any: whatever JSON can say
        """Give the row's JSON object."""
        last = self.last
        told = {"at": last.at.isoformat(), "outcome": last.outcome, "detail": last.detail} if last else None
        row: dict[str, Any] = {"name": self.name, "way": self.way, "address": self.shown, "origin": self.origin}
        return row | {"fault": self.fault, "last": told}


class Channelling(Delivering):
    """The verbs of channels."""

    @cached_property
    def services(self) -> "Services":
        """Read which services may be spoken to, and how."""
        import tomllib

        from listener.channels import services

        return services(tomllib.loads(files("connectors").joinpath("channels.toml").read_text()))

    @cached_property
    def _channel_http(self) -> "Client":
        from listener.http import Client
        from listener.tally import Limits

        network = self.config.network
        patience = Limits(connect_s=CONNECT_S, read_s=READ_S, total_s=TOTAL_S)
        return Client(network.rules(), contact=network.contact, limits=patience)

    @cached_property
    def _outside(self) -> "Sandbox":
        from listener.sandbox import Sandbox
        from listener.services import CHILDREN, MEMORY, SEND_S

        work = "listener.services:notify"
        return Sandbox(work, seconds=SEND_S, memory=MEMORY, children=CHILDREN, patience=1.0)

    def close(self) -> None:
        """Close what was opened for channels, and the rest."""
        for name in ("_channel_http", "_outside"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()
        super().close()

    # verbs

    def channels(self) -> list[ChannelRow]:
        """List every channel with what it answered last."""
        return [self._channel_row(entry) for entry in self._entries().values()]

    def sender(self, name: str) -> "Sender":
        """Make a channel ready to send; ConfigError where there is none of this name, or its address is wrong."""
        from listener.channels import sender

        entry = self._entry(name)
        if entry.fault is not None:
            raise ConfigError(entry.fault)
        return sender(name, entry.url, self._reach(entry.url), entry.signing(self.now()))

    def add_channel(self, name: str, url: str) -> "Entry":
        """Keep a channel after a look at its address; ConfigError says what is wrong and what is expected.

        Nothing is sent. A webhook gets a secret: its receiver needs it.
        """
        from listener.addressbook import Entry, new_secret
        from listener.alerts import BUILT_IN, CHANNEL
        from listener.channels import keep_secret

        keep_secret(url)
        if not CHANNEL.fullmatch(name):
            raise ConfigError(f"{name!r} is no name for a channel: small letters, digits, '-', '_' and '.', up to 40")
        if name in BUILT_IN:
            raise ConfigError(f"the channel {name!r} is built in; choose another name")
        if name in self._configured_channels():
            raise ConfigError(f"the channel {name!r} stands in {self.config.path}; change it there")
        kept = self.book.entries().get(name)
        if kept is not None and kept.url == url:
            raise ConfigError(
                f"the channel {name!r} has this address already; `listener channels rotate` renews its secret"
            )
        fault = self._address_fault(url)
        if fault is not None:
            expected = self.services.expected(url)
            raise ConfigError(f"channel {name}: {fault}" + (f"\n{expected}" if expected else ""))
        secret = new_secret() if self.services.way(url) == "webhook" else None
        entry = Entry(name, url, secret)
        self.book.put(entry)
        self._sync_rules(self.store)
        return entry

    def test_channel(self, name: str) -> "Outcome":
        """Send a message that says it is a test, and write down what the channel answered."""
        from listener.alerts import Item, Message

        sender, now = self.sender(name), self.now()
        item = Item(0, "this is how alerts will look here", "test", headline="A test of this channel", at=now)
        key = f"test-{secrets.token_hex(8)}"
        began = time.monotonic()
        outcome = sender.send(Message(name, key, "listener: a test", (item,), lang="en"))
        took_ms = round((time.monotonic() - began) * 1000)
        self.store.log_delivery(key, name, outcome, now, took_ms=took_ms)
        return outcome

    def rotate_channel(self, name: str) -> "Entry":
        """Give a webhook a new secret; the old one signs, too, until its receivers have changed over."""
        entry = self._added(name)
        if entry.secret is None:
            raise ConfigError(f"the channel {name!r} is no webhook: only those are signed with a secret of ours")
        changed = entry.rotated(self.now())
        self.book.put(changed)
        return changed

    def remove_channel(self, name: str) -> None:
        """Forget a channel that was added by command."""
        self.book.remove(self._added(name).name)
        self._sync_rules(self.store)

    def channel_faults(self) -> list[str]:
        """Say which channels cannot be used as they are configured."""
        faults = []
        for name in self._entries():
            try:
                self.sender(name)
            except ConfigError as error:
                faults.append(str(error))
        return [*faults, *(f"rule {rule}: no channel is called {name!r}" for rule, name in self.lost_ways())]

    def lost_ways(self) -> list[tuple[str, str]]:
        """List the rules whose alerts go to a channel that is not there, with its name."""
        known = self._entries()
        ways = [(row.rule.name, name) for row in self.store.rules() for name in row.rule.channels]
        return [(rule, name) for rule, name in ways if name not in known]

    def channel_log(self, name: str | None, limit: int) -> "list[Delivery]":
        """List what a channel, or every one, answered, newest first."""
        return self.store.deliveries(self._entry(name).name if name else None, limit)

    def resend_channel(self, name: str) -> int:
        """Let a channel's dead alerts, and those of unknown end, go again; give how many."""
        from listener.alerts import AlertQuery

        channel = self._entry(name).name
        found = [self.store.alerts(AlertQuery(state=state, channel=channel, limit=RESENT)) for state in LOST]
        return self.store.change_alerts([row.id for rows in found for row in rows], "resend", self.now())

    # what is there

    def _entries(self) -> "dict[str, Entry]":
        """Gather every channel by name; the configuration outranks what was added."""
        from listener.addressbook import Entry
        from listener.alerts import BUILT_IN

        found = {name: Entry(name, name) for name in BUILT_IN if name != "mail" or self.config.mail.host is not None}
        return found | self.book.entries() | self._configured_channels()

    def _entry(self, name: str) -> "Entry":
        entries = self._entries()
        if name not in entries:
            known = ", ".join(entries)
            raise ConfigError(f"no channel is called {name!r}; there are: {known}; `listener channels add` makes one")
        return entries[name]

    def _added(self, name: str) -> "Entry":
        entry = self._entry(name)
        if entry.from_config:
            raise ConfigError(f"the channel {name!r} stands in {self.config.path}; change it there")
        if name not in self.book.entries():
            raise ConfigError(f"the channel {name!r} is built in")
        return entry

    def _configured_channels(self) -> "dict[str, Entry]":
        from listener import config as configuration
        from listener.addressbook import Entry

        found = {}
        for number, channel in enumerate(self.config.channels):
            try:
                url, signing = configuration.channel_secrets(self.config, number)
            except ConfigError as error:
                found[channel.name] = Entry(channel.name, "", from_config=True, fault=str(error))
            else:
                secret, old = (*signing, None, None)[:2]
                found[channel.name] = Entry(channel.name, url, secret, old, from_config=True)
        return found

    def _channel_row(self, entry: "Entry") -> ChannelRow:
        from listener.alerts import BUILT_IN
        from listener.channels import shown

        way, fault = "service", entry.fault
        if fault is None:
            try:
                way = self.services.way(entry.url)
            except ConfigError as error:
                fault = str(error)
        service = self.services.of(entry.url)
        origin = "configuration" if entry.from_config else "built in" if entry.name in BUILT_IN else "added"
        last = next(iter(self.store.deliveries(entry.name, 1)), None)
        called = service.name if way == "service" and service else way
        return ChannelRow(entry.name, called, shown(entry.url), origin, fault, last)

    def _reach(self, url: str) -> "Reach":
        """Gather what a sender of this address needs, and no more."""
        from listener.channels import Reach

        is_mail = url == "mail" or url.startswith("mailto:")
        mailer = self.mailer() if is_mail and self.config.mail.host is not None else None
        return Reach(self.services, self._channel_http, self._outside, self.now, mailer, sys.stderr)

    def _address_fault(self, url: str) -> str | None:
        """Look at an address without sending: what is wrong with it; None: nothing that can be seen from here."""
        from listener.channels import Apprised, sender
        from listener.errors import Refused
        from listener.hops import target

        if self.services.way(url) == "webhook":
            rules = self.config.network.rules()
            try:
                goal = target(url, rules)
                if not rules.allows(goal.host.strip("[]"), goal.port, goal.host):
                    entry = f"'{goal.host}:{goal.port}'"
                    return f"{goal.host} is no public address; if it is yours, add {entry} to network.allow_private"
            except Refused as error:
                return str(error)
            except ValueError:
                pass  # a name, not an address: what it stands for is looked at whenever it is connected to
        made = sender("new", url, self._reach(url), ("not used yet",))
        return made.fault() if isinstance(made, Apprised) else None
