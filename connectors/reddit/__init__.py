"""Reddit: its feeds, which need no key; with an application's keys its interface."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from pydantic import Field, SecretStr

from connectors.reddit import entries, login, refusals, things
from connectors.reddit.login import Keys
from connectors.reddit.queries import SITE, Query, account, pasted
from connectors.reddit.things import PLATFORM
from listener import connector, limits, walk
from listener.connector import HttpConnector, Traits, gather, json_body, refuse_web_page
from listener.errors import ConnectorError, NotAuthorised, RateLimited
from listener.sandbox import Sandbox
from listener.types import Answer, Feed, Gap, Page, Request
from listener.walk import Item, Walk

API: Final = "https://oauth.reddit.com"
ACCEPT: Final = "application/atom+xml, application/xml;q=0.9, */*;q=0.1"
STRANGER_SLOT_S: Final = 70.0
"""About one feed a minute and address, over all subreddits (NetNewsWire issue 5328, read 2026-11-23)."""
MEMBER_SLOT_S: Final = 10.0
"""With the token of personal feeds more is let through; how much is not documented, so this is our own manners."""
FULL_PAGE: Final = 90
"""Posts from which on a feed's page counts as full: what moderators took away is missing from it."""
BLOCKED_S: Final = 3_600.0


class Settings(connector.Settings):
    """What `[connectors.reddit]` may hold."""

    user: str | None = None
    """Your name on Reddit, without u/."""
    feed_token: SecretStr | None = None
    """From reddit.com/prefs/feeds, where the address of a private feed ends in `feed=TOKEN&user=NAME`."""
    client_id: str | None = None
    """Keys of an application that Reddit has approved: then its interface is read, with scores and replies."""
    client_secret: SecretStr | None = None
    """Belongs to `client_id`."""
    password: SecretStr | None = None
    """Your password, for an application of the kind “script”; only for your inbox."""
    refresh_token: SecretStr | None = None
    """In place of a password, for an application of the kind “web app”."""
    since_hours: float = Field(default=48.0, ge=0)
    """How far the first poll of a feed looks back; without token or keys, one page of 100 posts at most."""


@lru_cache(maxsize=1)
def sandbox() -> Sandbox:
    """Give the processes that all feeds of this program are read in."""
    return Sandbox("connectors.reddit.child:work")


class Reddit(HttpConnector):
    """Read Reddit, by its feeds or, with keys, by its interface.

    Queries: `r/NAME`, `r/A+B` (new posts), `r/NAME/comments`, `comments/ID` (a post and its comments), `u/NAME`,
    `search:words`, `r/NAME/search:words`, `inbox`, `mentions`, and `rss:/PATH.rss` for any other feed of the site.
    """

    name = PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Reddit: subreddits, comments, people, searches, your inbox",
        needs="nothing for a feed a minute; the token of your private feeds for more, and for your inbox",
        credentials=(
            "Log in and open https://www.reddit.com/prefs/feeds/.",
            "Copy the address of any feed there; it ends in feed=TOKEN&user=NAME.",
            'In [connectors.reddit] write user = "NAME".',
            'Keep TOKEN in an environment variable; write feed_token = "env:REDDIT_FEED_TOKEN" there.',
            "For scores and replies too, Reddit must approve an application (https://www.reddit.com/prefs/apps):",
            "write its client_id and client_secret there, and password or refresh_token for your inbox.",
        ),
        interval_s=1_800.0,
        slot_s=STRANGER_SLOT_S,
        limit=(
            "feeds without a login about one a minute in all, so 70 s apart (reported since June 2026); "
            "with keys 100 requests a minute (both read 2026-11-23)"
        ),
        examples=(
            "r/smallbusiness",
            "r/smallbusiness+freelance",
            "https://www.reddit.com/search?q=invoicing+tool&sort=new",
            "u/name",
            "reddit:inbox",
        ),
    )

    def __init__(
        self,
        settings: Settings,
        http: connector.Http,
        sessions: connector.Sessions | None = None,
        box: Sandbox | None = None,
    ) -> None:
        super().__init__(settings, http, sessions)
        self._box = box or sandbox()

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for up to 100 posts, newest first. With keys: log in first where no token is held, once a day."""
        query, after = _query(feed), Walk.read(cursor).token
        if not self._reads_feeds(query):
            base = (self.settings.base_url or API).rstrip("/")
            return Request(base + query.api_path(after), credentials={"Authorization": f"bearer {self._token()}"})
        if query.is_private:
            self._secret()
        base = (self.settings.base_url or SITE).rstrip("/")
        return Request(base + self._personal(query.feed_path(after)), headers={"Accept": ACCEPT}, slot_s=self._slot_s)

    def unchanged(self, answer: Answer, feed: Feed, cursor: str | None) -> bool:
        """Tell a feed's body that was read before; inside a walk, it is read again."""
        if answer.status != 200:
            return answer.status == 304
        held = Walk.read(cursor)
        return held.token is None and held.extra.get("body") == _hash(answer.body) and self._reads_feeds(_query(feed))

    def refuse(self, answer: Answer) -> None:
        """Read a 403 for a feed as "too fast"; a 401 drops the token, so that the next poll makes a new one."""
        refuse_web_page(answer)
        if urlsplit(answer.url).path.endswith(".rss"):
            if answer.status in (403, 429):
                wait_s = refusals.reset_s(answer) or (BLOCKED_S if answer.status == 403 else None)
                raise RateLimited(f"HTTP {answer.status}: Reddit says that we come too often", wait_s)
        elif answer.status == 401 and self.sessions is not None and self.sessions.get("until"):
            login.forget(self.sessions)
            raise ConnectorError("HTTP 401: the login has run out; the next poll logs in anew")
        elif answer.status in (403, 404):
            refusals.refuse_reason(answer)
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read one page, from a feed or from the interface; what was taken away is reported as deleted."""
        query = _query(feed)
        if self._reads_feeds(query):
            page = self._feed_page(answer, query, cursor)
        else:
            page = self._listing_page(answer, query, cursor)
        return replace(page, title=feed.title or query.title, home_url=feed.home_url or query.home_url)

    def feed_for(self, text: str) -> Feed | None:
        """Take `r/name`, `r/a+b`, `u/name`, pages and feeds of Reddit, or `reddit:` and words or our own notation."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account_of_mine: str) -> tuple[Feed, ...]:
        """List my own posts, and my inbox where a login for it is set."""
        name = account(account_of_mine)
        if name is None:
            return ()
        has_login = self.settings.feed_token or self.settings.password or self.settings.refresh_token
        is_me = (self.settings.user or "").lower() == name.lower()
        own = _feed(Query("user", name))
        return (own, _feed(Query("inbox"))) if has_login and is_me else (own,)

    def whose(self, text: str) -> str | None:
        """Take `u/name`, and the page of a profile."""
        name = account(text)
        return None if name is None else f"u/{name}"

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read posts again, 100 a request; only with keys, without them nothing comes."""
        names = [name for name in native_ids if re.fullmatch(r"t[13]_\w+", name)][: limits.RECHECKED]
        if self.settings.client_id is None or not names:
            return Page()
        base = (self.settings.base_url or API).rstrip("/")
        path = f"/api/info?{urlencode({'id': ','.join(names), 'raw_json': 1}, safe=',')}"
        answer = self.http.send(Request(base + path, credentials={"Authorization": f"bearer {self._token()}"}))
        self.refuse(answer)
        found, _ = things.listed(json_body(answer))
        posts, rejects = gather(found, things.post)
        return Page(posts, deleted=_gone(found), quotas=refusals.quotas(answer.headers), rejects=rejects)

    # how it is read

    def _feed_page(self, answer: Answer, query: Query, cursor: str | None) -> Page:
        held = Walk.read(cursor)
        args = {"type": answer.headers.get("content-type")}
        rows = self._box.run(answer.body, args, key=str(query))["rows"]
        is_public = self.settings.feed_token is None
        posts, rejects = gather(rows, lambda row: entries.post(row, is_public=is_public))
        items = [item for row in rows if (item := _item(row)) is not None]
        gone = [_item(row) for row in rows if entries.is_gone(row)]
        deleted = tuple(item.native_id for item in gone if item is not None)
        # Whether feeds go on for ever is not documented, so an end without a known post counts as a gap.
        token = items[-1].native_id if len(items) >= FULL_PAGE and query.kind != "thread" else None
        since_s = self.settings.since_hours * 3_600 if self.settings.feed_token is not None else 0.0
        taken = walk.step(held, items, token, since_s=since_s, deep=query.kind == "thread")
        following = replace(taken.walk, extra={"body": _hash(answer.body)})
        page = Page(posts, deleted=deleted, gap=_ended(held, items), rejects=rejects)
        return walk.paged(page, taken._replace(walk=following))

    def _listing_page(self, answer: Answer, query: Query, cursor: str | None) -> Page:
        found, after = things.listed(json_body(answer))
        posts, rejects = gather(found, things.post)
        items = [item for thing in found if (item := _item_of(thing)) is not None]
        if query.kind == "thread":  # the newest 100 comments come at once, in the order of a tree
            items, after = [], None
        taken = walk.step(
            Walk.read(cursor), items, after, since_s=self.settings.since_hours * 3_600, deep=query.kind == "thread"
        )
        page = Page(posts, deleted=_gone(found), quotas=refusals.quotas(answer.headers), rejects=rejects)
        return walk.paged(page, taken)

    # how it is asked

    def _reads_feeds(self, query: Query) -> bool:
        return self.settings.client_id is None or query.kind == "rss"

    @property
    def _slot_s(self) -> float | None:
        if self.settings.base_url is not None:
            return None
        return STRANGER_SLOT_S if self.settings.feed_token is None else MEMBER_SLOT_S

    def _secret(self) -> str:
        if self.settings.user is None:
            raise NotAuthorised("connectors.reddit.user is not set; write your name on Reddit there")
        return connector.secret(self.settings.feed_token, "connectors.reddit.feed_token")

    def _personal(self, path: str) -> str:
        """Put the login of personal feeds into an address: Reddit takes it nowhere else."""
        if self.settings.feed_token is None or self.settings.user is None:
            return path
        login_of_feeds = urlencode({"feed": self._secret(), "user": self.settings.user})
        return f"{path}{'&' if '?' in path else '?'}{login_of_feeds}"

    def _token(self) -> str:
        if self.sessions is None:
            raise NotAuthorised("there is no place to keep a login in; ask through the program")
        password, refresh_token = self.settings.password, self.settings.refresh_token
        keys = Keys(
            self.settings.client_id or "",
            connector.secret(self.settings.client_secret, "connectors.reddit.client_secret"),
            self.settings.user,
            password.get_secret_value() if password is not None else None,
            refresh_token.get_secret_value() if refresh_token is not None else None,
        )
        return login.token(self.http, self.sessions, (self.settings.base_url or SITE).rstrip("/"), keys)


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write r/NAME, r/A+B, u/NAME, search:words or inbox")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, PLATFORM, str(query), PLATFORM, title=query.title, home_url=query.home_url)


def _ended(held: Walk, items: Sequence[Item]) -> Gap | None:
    """Suspect a gap where a walk meets the end of a feed, an empty page, before a post that was known."""
    if items or held.token is None or held.first:
        return None
    return Gap("the feed ended before the last post we knew", held.known[0], held.pending[-1])


def _item(row: Mapping[str, Any]) -> Item | None:  # Any: what the child process found
    try:
        seconds = row["published_s"]
        moment = datetime.fromtimestamp(seconds, UTC) if type(seconds) is int else None
        return Item(entries.name_of(row), moment)
    except (ValueError, OverflowError, OSError):  # it is a reject of the page
        return None


def _item_of(thing: tuple[str, Mapping[str, Any]]) -> Item | None:  # Any: raw JSON
    try:
        return Item(things.name_of(thing), things.when(thing))
    except (ValueError, KeyError, TypeError):  # it is no post, or a reject of the page
        return None


def _gone(found: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """List what was taken away (Any: raw JSON)."""
    items = [_item_of(thing) for thing in found if things.is_gone(thing)]
    return tuple(dict.fromkeys(item.native_id for item in items if item is not None))


def _hash(body: bytes) -> str:
    return blake2b(body, digest_size=12).hexdigest()
