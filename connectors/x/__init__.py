"""X (Twitter), by its second API: searches, accounts, mentions, lists, the timeline, the filtered stream. All cost."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from connectors.x import answers, pages
from connectors.x.api import OURS, Api
from connectors.x.queries import Query, pasted
from connectors.x.settings import Settings
from connectors.x.stream import Filtered
from connectors.x.tweets import FIELDS, PLATFORM, USER_FIELDS, tweet
from listener import connector
from listener.connector import Connector, Traits, gather, json_body, refuse_web_page, secret
from listener.errors import BadPayload, ConnectorError
from listener.types import Answer, Feed, Page
from listener.walk import Walk

API: Final = "https://api.twitter.com"
"""As the client library writes it; the same as api.x.com."""
METHODS: Final[Mapping[str, str]] = {
    "search": "search_recent_tweets",
    "stream": "search_recent_tweets",
    "user": "get_users_tweets",
    "mentions": "get_users_mentions",
    "list": "get_list_tweets",
    "home": "get_home_timeline",
}
GONE: Final = ("resource-not-found", "not-authorized-for-resource")
"""Posts that were deleted, or that no longer everybody may see; the platform's terms want both to go here too."""


LOOKED_UP: Final = 50
"""Posts of one look-up; 100 are allowed, but make an address of more than 2,000 bytes."""


class X(Connector):
    """Read X.

    Queries: `search:WORDS` (last seven days), `user:NAME`, `mentions:NAME`, `mentions` (of me), `list:ID`, `home`,
    `stream:RULE` (as it comes; polled as a search).
    """

    name = PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="X (Twitter): searches, accounts, mentions, lists, your timeline; each post read costs money",
        needs="an app with credits: its bearer token, and four keys for your own timeline and mentions",
        credentials=(
            "Open https://console.x.com, log in and create an app.",
            "Buy credits there and set a spending limit; without credits nothing is answered.",
            'Copy the bearer token; write bearer_token = "env:X_BEARER_TOKEN" into [connectors.x].',
            "For your own timeline and mentions, make the API key and secret, and an access token and secret too.",
            "Write them into consumer_key, consumer_secret, access_token and access_token_secret in the same way.",
            "Write monthly_budget = 10 (US dollars) there: 0, the default, reads nothing.",
        ),
        prices={"post": pages.POST, "user": pages.USER, "owned read": pages.OWNED},
        interval_s=3_600.0,
        limit=(
            "300 to 900 requests in 15 minutes, by kind of feed (docs.x.com/x-api/fundamentals/rate-limits); "
            "3,000,000 posts a month (docs.x.com, usage and billing); both read 2026-11-23"
        ),
        examples=(
            "https://x.com/name",
            "https://x.com/search?q=invoicing+tool",
            "https://x.com/i/lists/84839422",
            "x:mentions",
            "x:stream:(invoicing OR billing) lang:en",
        ),
    )

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Ask for one page, newest first, and for the authors on it whom we do not know yet.

        Sources: https://docs.x.com/x-api/posts/search, /timelines, /lists; /users/lookup.
        """
        query, walk, api = _query(feed), Walk.read(cursor), Api(self.settings, self.http)
        subject: list[Any] = []  # raw JSON
        if query.kind in ("user", "mentions") and "id" not in walk.extra and query.rest:
            asked = api.call("get_user", username=query.rest, user_fields=list(USER_FIELDS))
            found = answers.data(asked)
            if not isinstance(found, dict):
                return asked
            walk, subject = replace(walk, extra={**walk.extra, "id": str(found.get("id"))}), [found]
        answer = self._page(api, query, walk)
        return self._named(api, answer, walk, subject)

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own problem; its words are not repeated."""
        refuse_web_page(answer)
        answers.refuse_named(answer)
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read one page."""
        query, body = _query(feed), json_body(answer)
        answers.refuse_partial(body)
        page = pages.read(answer, body, query, cursor, post_price=self._price(query, Walk.read(cursor)))
        return replace(
            page,
            quotas=answers.quotas(answer.headers),
            title=feed.title or query.title,
            home_url=feed.home_url or query.home_url,
        )

    def missing(self) -> str | None:
        """Say what is not set: a budget first, since nothing is read without."""
        if self.settings.monthly_budget <= 0:
            return "connectors.x.monthly_budget is not set; reading X costs money, and 0 means off"
        if self.settings.bearer_token is None and any(getattr(self.settings, name) is None for name in OURS):
            return "connectors.x.bearer_token is not set"
        return None

    def cost(self, feed: Feed, cursor: str | None) -> float:
        """Give what a full page would cost whose authors are all unknown."""
        query, walk = Query.read(feed.query), Walk.read(cursor)
        price = pages.POST if query is None else self._price(query, walk)
        each = price + pages.USER * self.settings.look_up_authors + pages.POST * self.settings.reposts
        looks_up = query is not None and query.kind in ("user", "mentions") and bool(query.rest)
        return round(self.settings.posts_a_page * each + pages.USER * (looks_up and "id" not in walk.extra), 6)

    def streams(self, feed: Feed) -> bool:
        """Tell that feeds of rules may be listened to."""
        query = Query.read(feed.query)
        return query is not None and query.kind == "stream"

    def stream(self, feed: Feed, cursor: str | None) -> Iterator[Page]:
        """Yield what was missed since `cursor`, then posts as they come, seconds after they were written."""
        query, api = _query(feed), Api(self.settings, self.http)
        token = secret(self.settings.bearer_token, "connectors.x.bearer_token")
        missed = bool(Walk.read(cursor).known or Walk.read(cursor).token)
        while missed:
            answer = self.fetch(feed, cursor)
            self.refuse(answer)
            page = self.parse(answer, feed, cursor)
            cursor, missed = page.cursor, page.more
            yield replace(page, more=False)
        filtered = Filtered(self.http, self.settings.base_url or API, token)
        filtered.prepare(query, reposts=self.settings.reposts)
        for event in filtered.events(query):
            if event is None:
                yield Page(cursor=cursor, unchanged=True)
                continue
            walk = Walk.read(cursor)
            answer = Answer(API, 200, {}, json.dumps(event).encode())
            page = self.parse(self._named(api, answer, walk, []), feed, cursor)
            cursor = page.cursor
            yield replace(page, more=False)

    def feed_for(self, text: str) -> Feed | None:
        """Take a page of x.com or twitter.com, `x @name`, `posts about WORDS on x`, or our own notation."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List the mentions and the posts of `@name`."""
        query = Query.read(f"user:{account}") if account.startswith("@") else pasted(account)
        if query is None or query.kind != "user":
            return ()
        return _feed(Query("mentions", query.rest)), _feed(query)

    def whose(self, text: str) -> str | None:
        """Take the page of an account, or `x:@name`; a bare `@name` may be of any platform."""
        query = pasted(text)
        return query.rest if query is not None and query.kind == "user" else None

    def recheck_cost(self, count: int) -> float:
        """Give what it costs where every post was edited since."""
        return round(2 * count * pages.POST, 6)

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read posts again, the latest version of each.

        Source: https://docs.x.com/x-api/posts/lookup.
        """
        api = Api(self.settings, self.http)
        bodies = [self._looked_up(api, part) for part in _parts(native_ids)]
        first = [one for body in bodies for one in answers.tweets(body)]
        held = {one.get("id") for one in first}
        newer = [history[-1] for one in first if (history := one.get("edit_history_tweet_ids"))]
        edited = [self._looked_up(api, part) for part in _parts([number for number in newer if number not in held])]
        read = [one for body in edited for one in answers.tweets(body)] + first
        found, rejects = gather(read, lambda item: tweet(item, {}))
        gone = (error for body in bodies for error in body.get("errors") or () if str(error.get("type")).endswith(GONE))
        deleted = tuple(str(error.get("resource_id") or error.get("value")) for error in gone)
        return Page(found, deleted=deleted, cost=round(len(read) * pages.POST, 6), rejects=rejects)

    # how it is asked

    def _page(self, api: Api, query: Query, walk: Walk) -> Answer:
        now, reposts = datetime.now(UTC), self.settings.reposts
        params = pages.asked(query, walk, self.settings.posts_a_page, now, reposts=reposts)
        answer = self._called(api, query, walk, params)
        if answer.status != 400:
            return answer
        # Nothing was paid for a refusal; what it names is left out, and the overlap is harmless.
        refused = answer.body
        if b"since_id" in refused and "since_id" in params:
            begun_anew = _without(params, "since_id", *TOKENS) | pages.restarted(now)
            return self._called(api, query, walk, begun_anew)
        if walk.token and (b"next_token" in refused or b"pagination_token" in refused):
            return self._called(api, query, walk, _without(params, *TOKENS))
        return answer

    def _called(self, api: Api, query: Query, walk: Walk, params: Mapping[str, Any]) -> Answer:
        method, number = METHODS[query.kind], str(walk.extra.get("id", query.rest))
        if query.kind in ("search", "stream", "home"):
            return api.call(method, as_me=query.kind == "home", **params)
        if query.kind == "mentions" and not query.rest:
            return api.call(method, self._me(), as_me=True, **params)
        return api.call(method, number, **params)

    def _named(self, api: Api, answer: Answer, walk: Walk, subject: list[Any]) -> Answer:
        """Add the authors whom we do not know. What was paid for is not lost where they cannot be had."""
        body = answers.body(answer)
        if answer.status != 200 or not isinstance(body, dict):
            return answer
        users = {**pages.users_of(walk), **{str(one.get("id")): one for one in subject}}
        wanted = pages.unknown(body, users) if self.settings.look_up_authors else []
        if wanted:
            try:
                found = answers.data(api.call("get_users", ids=wanted, user_fields=list(USER_FIELDS)))
            except ConnectorError:
                found = None
            subject = (
                [*subject, *(one for one in found if isinstance(one, dict))] if isinstance(found, list) else subject
            )
        return pages.merged(answer, subject) if subject else answer

    def _looked_up(self, api: Api, ids: Sequence[str]) -> dict[str, Any]:
        answer = api.call("get_tweets", list(ids), tweet_fields=list(FIELDS))
        self.refuse(answer)
        body = json_body(answer)
        if not isinstance(body, dict):
            raise BadPayload("the answer is no object")
        return body

    def _me(self) -> str:
        """Give my own number, which access tokens begin with."""
        return secret(self.settings.access_token, "connectors.x.access_token").partition("-")[0]

    def _price(self, query: Query, walk: Walk) -> float:
        if not self.settings.own_app or self.settings.access_token is None:
            return pages.POST
        is_mine = query == Query("mentions") or walk.extra.get("id") == self._me()
        return pages.OWNED if is_mine else pages.POST


TOKENS: Final = ("next_token", "pagination_token")


def _without(params: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in names}


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError(
            "there is no such feed; write search:WORDS, user:NAME, mentions, list:ID, home or stream:RULE"
        )
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, PLATFORM, str(query), PLATFORM, title=query.title, home_url=query.home_url)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Part ids so that each request's address stays short enough."""
    return (ids[start : start + LOOKED_UP] for start in range(0, len(ids), LOOKED_UP))
