"""Stack Exchange 2.3: questions of any of its sites, by tags, unanswered ones, or by words.

Answers, edits and deletions after the reading are not seen.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from connectors.stackexchange import walk
from connectors.stackexchange.queries import Query, pasted
from connectors.stackexchange.questions import PLATFORM, question
from listener import connector, limits
from listener.connector import HttpConnector, Traits, gather, json_body, refuse_web_page
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.types import Answer, Feed, Page, Request

API: Final = "https://api.stackexchange.com"
PAGE_SIZE: Final = 100
BACKOFF_MARGIN_S: Final = 2.0
QUOTA_LOW: Final = 10
"""Requests left at which we stop for a while; other programs behind the same address need some too."""
QUOTA_WAIT_S: Final = 21_600.0
"""The hour at which the quota begins anew is not documented; once all is spent, the refusal names it."""
THROTTLED_S: Final = 3_600.0

ROUTES: Final[Mapping[str, str]] = {
    "questions": "/2.3/questions",
    "unanswered": "/2.3/questions/unanswered",
    "search": "/2.3/search/advanced",
}
KEY_HELP: Final = "look at connectors.stackexchange.key (stackapps.com gives keys for nothing)"
# Source: https://api.stackexchange.com/docs/error-handling, read 2026-11-23. 500 and unknown ones: the next turn.
TROUBLE: Final[Mapping[int, tuple[type[ConnectorError], str]]] = {
    400: (ConnectorError, "a parameter is refused; check the site and the tags of this feed"),
    401: (NotAuthorised, "a login is needed, which we do not offer"),
    402: (NotAuthorised, f"the login is refused; {KEY_HELP}"),
    403: (NotAuthorised, f"access is denied; {KEY_HELP}"),
    404: (ConnectorError, "the method is gone; look for a newer version of this program"),
    405: (NotAuthorised, f"a key is needed; {KEY_HELP}"),
    406: (NotAuthorised, f"the login is no longer trusted; {KEY_HELP}"),
    503: (RateLimited, "the platform is down for a while"),
}


class Settings(connector.Settings):
    """What `[connectors.stackexchange]` may hold."""

    key: SecretStr | None = None
    """A free key from stackapps.com: 10,000 requests a day in place of 300."""


class StackExchange(HttpConnector):
    """Read questions of Stack Exchange sites.

    Queries: `SITE/tag;tag` (all of the tags), `SITE` (all questions), `SITE/unanswered/tag;tag`, and
    `SITE/search/words [tag]`, where SITE is a host such as `stackoverflow.com` or `dba.stackexchange.com`.
    """

    name = PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Stack Overflow and every other Stack Exchange site: questions by tags, unanswered ones, by words",
        interval_s=1_800.0,
        limit=(
            "300 requests a day and address, 10,000 with a free key; at most 30 a second "
            "(api.stackexchange.com/docs/throttle, read 2026-11-23)"
        ),
        examples=(
            "https://stackoverflow.com/questions/tagged/python+asyncio",
            "questions tagged python on stackoverflow",
            "dba.stackexchange.com/unanswered/postgresql",
            "stackoverflow.com/search/connection pool [postgresql]",
        ),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for 100 questions: the newest at the first poll, later from the newest known one on, oldest first.

        Source: https://api.stackexchange.com/docs/questions.
        """
        query = _query(feed)
        params: dict[str, str | int] = {"site": query.site, "sort": "creation", "order": "asc" if cursor else "desc"}
        params |= {"pagesize": PAGE_SIZE, "filter": "withbody"}
        params |= {"tagged": ";".join(query.tags)} if query.tags else {}
        params |= {"q": query.words} if query.words else {}
        params |= walk.window(cursor)
        if self.settings.key is not None:
            params["key"] = self.settings.key.get_secret_value()
        base = (self.settings.base_url or API).rstrip("/")
        return Request(f"{base}{ROUTES[query.route]}?{urlencode(params, quote_via=quote)}")

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own error, which comes as HTTP 400 whatever it is."""
        refuse_web_page(answer)
        if answer.status >= 400 and b'"error_id"' in answer.body:
            _refuse(json_body(answer))
        connector.refuse(answer)

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read one page of questions; a wait breaks off a walk, which the next poll takes up again."""
        body = json_body(answer)
        _refuse(body)
        if not isinstance(body, dict) or not isinstance(body.get("items"), list):
            raise BadPayload("the answer has no items")
        query, items = _query(feed), body["items"]
        posts, rejects = gather(items, lambda item: question(item, query.site))
        following, gap = walk.step(cursor, items, more=body.get("has_more") is True)
        wait_s = _wait_s(body)
        return Page(
            posts,
            cursor=following.cursor,
            more=following.under_way and wait_s is None,
            gap=gap,
            wait_s=wait_s,
            title=feed.title or query.title,
            home_url=feed.home_url or query.home_url,
            rejects=rejects,
        )

    def feed_for(self, text: str) -> Feed | None:
        """Take a tag's or a search's page, `questions tagged python on stackoverflow`, or our own notation."""
        query = pasted(text)
        if query is None:
            return None
        return Feed(0, self.name, str(query), PLATFORM, title=query.title, home_url=query.home_url)


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write SITE/tag;tag, such as stackoverflow.com/python;asyncio")
    return query


def _refuse(body: object) -> None:
    """Raise what the platform's own error stands for. Its message is not repeated: it may hold what we sent."""
    if not isinstance(body, dict) or "error_id" not in body:
        return
    number, message = body["error_id"], str(body.get("error_message", ""))
    if number == 502:
        seconds = re.search(r"(\d{1,9}) second", message)
        wait_s = float(seconds[1]) if seconds else THROTTLED_S
        advice = "more requests than we are allowed; a key allows more (connectors.stackexchange.key)"
        raise RateLimited(advice, min(max(wait_s, limits.WAIT_MIN_S), limits.WAIT_MAX_S))
    if number == 400 and "key" in message:
        raise NotAuthorised(f"the key is refused; {KEY_HELP}")
    kind, advice = TROUBLE.get(number if type(number) is int else 0, (ConnectorError, "the platform failed"))
    raise kind(f"error {number}: {advice}" if type(number) is int else advice)


def _wait_s(body: Mapping[str, Any]) -> float | None:
    """Give the seconds to wait: `backoff` and a margin, or some hours when the day's quota nears its end.

    Source: https://api.stackexchange.com/docs/throttle; the margin: meta.stackexchange.com/q/377674.
    """
    waits = []
    backoff, left = body.get("backoff"), body.get("quota_remaining")
    if isinstance(backoff, int | float) and backoff > 0:
        waits.append(backoff + BACKOFF_MARGIN_S)
    if type(left) is int and left <= QUOTA_LOW:
        waits.append(QUOTA_WAIT_S)
    return min(max(waits), limits.WAIT_MAX_S) if waits else None
