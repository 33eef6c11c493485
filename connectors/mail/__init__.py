"""Mail and news: a folder by IMAP, a group by NNTP, and files of mail. Read only; nothing is marked, moved or deleted.

Both protocols are named exceptions to the one door for HTTP: they reach the hosts of the configuration and no other.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from connectors.mail import imap, mboxes, nntp
from connectors.mail.messages import Found, Source, read_all
from connectors.mail.queries import Query, pasted
from connectors.mail.servers import Place, moved
from listener import connector
from listener.connector import Connector, Traits, json_body, secret
from listener.errors import BadPayload, ConnectorError, NotAuthorised
from listener.types import Answer, Feed, Page

FILE_MESSAGES: Final = 200
FILE_BYTES: Final = 15_000_000
"""Most messages, and bytes, of one page of a file."""


class Settings(connector.Settings):
    """What `[connectors.mail]` may hold."""

    host: str | None = None
    """Your mail provider's IMAP server, such as `imap.example.org`."""
    port: int | None = Field(default=None, ge=1, le=65_535)
    """Its port; without it, 993 with TLS and 143 without."""
    user: str | None = None
    """Your name there, mostly your address."""
    password: SecretStr | None = None
    """Your password there; most providers want an app password made for this."""
    folder: str = "INBOX"
    """The folder that `listener feeds add mail:` takes."""
    ssl: bool = True
    """TLS from the first byte; false only for a server on your own machine, or one that offers STARTTLS."""
    news_host: str | None = None
    """Your news server, such as `news.example.org`."""
    news_port: int | None = Field(default=None, ge=1, le=65_535)
    """Its port; without it, 563 with TLS and 119 without."""
    news_user: str | None = None
    """Your name there; many servers need none to read."""
    news_password: SecretStr | None = None
    """Your password there."""
    news_ssl: bool = True
    """TLS from the first byte; false where the server has none."""
    since_hours: float = Field(default=48.0, gt=0)
    """How far back a feed's first poll looks."""


class Mail(Connector):
    """Read mail and news.

    Queries: `imap:FOLDER`, `nntp://HOST/GROUP`; `mbox:FILE` names what came from a file and is not polled.
    """

    name = "mail"
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="A folder of your mailbox (newsletters, notices, Google Alerts), news groups, and files of mail (mbox)",
        needs="your IMAP server, name and password; a news server for groups; nothing for files",
        credentials=(
            "Look up your provider's IMAP server (“IMAP settings” in its help); write host and user there.",
            "Switch on two-step sign-in at your provider and make an app password named listener.",
            'Put it into an environment variable; say password = "env:MAIL_PASSWORD" in [connectors.mail].',
            "Let your provider sort newsletters and notices into a folder, and add that: mail:Newsletters.",
            "Providers that let programs in by OAuth only (outlook.com) cannot be read; have the mail forwarded.",
        ),
        interval_s=900.0,
        limit="providers state none for a few connections an hour; we make one a poll",
        examples=("mail:Newsletters", "imap:INBOX", "nntp://news.example.org/comp.lang.c", "listener import box.mbox"),
        platforms=("mail", "nntp"),
    )

    def missing(self) -> str | None:
        """Say which setting a poll would miss."""
        if self.settings.news_host is not None and self.settings.host is None:
            return None
        for name in ("host", "user", "password"):
            if getattr(self.settings, name) is None:
                return f"connectors.mail.{name} is not set"
        return None

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Read one page over the feed's own protocol, oldest first."""
        query = _query(feed)
        since = datetime.now(UTC) - timedelta(hours=self.settings.since_hours)
        if query.kind == "imap":
            return Answer(feed.query, 200, {}, imap.fetch(self._mailbox(), query.name, cursor, since))
        if query.kind == "nntp":
            return Answer(feed.query, 200, {}, nntp.fetch(self._news(query.host), query.name, cursor, since))
        raise ConnectorError("this feed came from a file and is not polled; `listener import FILE` reads another one")

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read one page."""
        query, body = _query(feed), json_body(answer)
        if query.kind == "nntp":
            articles, following, more, gap = nntp.read(body, cursor)
            found = [Found(one.body, name=f"article {one.number}") for one in articles]
            posts, rejects = read_all(found, Source("nntp", "public", query.name))
            return Page(posts, following, more=more, gap=gap, rejects=rejects, title=feed.title or query.title)
        if query.kind != "imap":
            raise BadPayload("this feed came from a file; there is no answer to read")
        items, mark, more = imap.read(body, cursor)
        found = [Found(one.body, imap.taken_at(one.taken), f"message {one.uid}") for one in items]
        posts, rejects = read_all(found, Source("mail", "private"))
        return Page(posts, mark.cursor, more=more, rejects=rejects, title=feed.title or query.title)

    def feed_for(self, text: str) -> Feed | None:
        """Take `mail:Folder`, `imap:Folder`, an imap or nntp address of a configured host, `news:some.group`."""
        own = self.settings
        query = pasted(text, host=own.host, news_host=own.news_host, folder=own.folder)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """Give my own mailbox, where the account is its name."""
        is_mine = self.settings.user is not None and account.strip().lower() == self.settings.user.lower()
        return (_feed(Query("imap", self.settings.folder)),) if is_mine else ()

    def whose(self, text: str) -> str | None:
        """Take an address."""
        match = re.fullmatch(r"(?:mailto:)?([\w.+-]+@[\w-]+(?:\.[\w-]+)+)", text.strip())
        return None if match is None else match[1].lower()

    def read_archive(self, path: Path) -> Iterator[tuple[Feed, Page]]:
        """Yield the messages of an mbox (list archives, mail programs, exports; also `.gz`) or of one `.eml`."""
        kind = mboxes.kind_of(path) if path.is_file() else None
        if kind is None:
            return
        stem = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
        feed = replace(_feed(Query("mbox", stem)), title=stem)
        held: list[Found] = []
        for found in mboxes.messages(path, kind):
            held.append(found)
            if len(held) >= FILE_MESSAGES or sum(len(one.body) for one in held) > FILE_BYTES:
                yield feed, _file_page(held)
                held = []
        yield feed, _file_page(held)

    def unread(self, path: Path) -> str | None:
        """Say what the file lacks."""
        return "no mbox, which begins with “From ” and a date, and no .eml"

    def _mailbox(self) -> Place:
        own = self.settings
        missing = next((name for name in ("host", "user") if getattr(own, name) is None), None)
        if missing is not None:
            raise NotAuthorised(f"connectors.mail.{missing} is not set; `listener connectors mail` tells how")
        password = secret(own.password, "connectors.mail.password")
        place = Place(own.host or "", own.port or (993 if own.ssl else 143), own.ssl, own.user, password)
        return moved(place, own.base_url, "imap")

    def _news(self, host: str) -> Place:
        """Give the news server, which must be the one of the configuration: no other host is contacted."""
        own = self.settings
        if own.news_host is None or own.news_host.lower() != host:
            raise NotAuthorised(f'{host} is no news server of yours; write news_host = "{host}" in [connectors.mail]')
        password = own.news_password.get_secret_value() if own.news_password else None
        port = own.news_port or (563 if own.news_ssl else 119)
        place = Place(own.news_host, port, own.news_ssl, own.news_user, password, "news_port")
        return moved(place, own.base_url, "nntp")


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write imap:FOLDER or nntp://HOST/GROUP")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, "mail", str(query), query.platform, title=query.title)


def _file_page(held: list[Found]) -> Page:
    posts, rejects = read_all(held, Source("mail", is_escaped=True))
    return Page(posts, rejects=rejects)
