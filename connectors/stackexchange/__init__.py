"""Stack Exchange 2.3: questions of any of its sites, answers and comments, what a user wrote, the inbox.

Edits and deletions after the reading are seen only where posts are read again, which needs a key.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from connectors.stackexchange import replies, walk
from connectors.stackexchange.parts import Parts
from connectors.stackexchange.queries import Query, pasted, user
from connectors.stackexchange.questions import PLATFORM, question, when
from listener import connector, limits
from listener import walk as newest_first
from listener.connector import HttpConnector, Traits, gather, json_body, refuse_web_page
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.types import Answer, Feed, Gap, Page, Post, Quota, Request

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
    "user": "/2.3/users/{number}/posts",
    "mentions": "/2.3/users/{number}/mentioned",
}
TOKEN_HELP: Final = "look at connectors.stackexchange.access_token"  # noqa: S105 advice, no password
REPLIES: Final = frozenset({"replies", "question", "user replies"})
"""What is asked for in parts."""
READERS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Post]]] = {
    **dict.fromkeys((*REPLIES, "user", "mentions"), replies.reply),
    "inbox": replies.inbox,
}
KEY_HELP: Final = "look at connectors.stackexchange.key (stackapps.com gives keys for nothing)"
# Source: https://api.stackexchange.com/docs/error-handling, read 2026-11-23. 500 and unknown ones: the next turn.
TROUBLE: Final[Mapping[int, tuple[type[ConnectorError], str]]] = {
    400: (ConnectorError, "a parameter is refused; check the site and the tags of this feed"),
    401: (NotAuthorised, f"a login is needed; {TOKEN_HELP}"),
    402: (NotAuthorised, f"the login is refused; {TOKEN_HELP}"),
    403: (NotAuthorised, f"access is denied; {KEY_HELP}"),
    404: (ConnectorError, "the method is gone; look for a newer version of this program"),
    405: (NotAuthorised, f"a key is needed; {KEY_HELP}"),
    406: (NotAuthorised, f"the login is no longer trusted; {TOKEN_HELP}"),
    503: (RateLimited, "the platform is down for a while"),
}


class Settings(connector.Settings):
    """What `[connectors.stackexchange]` may hold."""

    key: SecretStr | None = None
    """A free key from stackapps.com: 10,000 requests a day in place of 300."""
    access_token: SecretStr | None = None
    """A token of a login with the scopes `read_inbox` and `no_expiry`, for your inbox."""


class StackExchange(HttpConnector):
    """Read Stack Exchange sites.

    Queries for questions: `SITE/tag;tag` (all of the tags), `SITE` (all questions), `SITE/unanswered/tag;tag`,
    `SITE/search/words [tag]`; for answers and comments: `SITE/replies/tag;tag` (to the 100 questions that were active
    last), `SITE/questions/ID`, `SITE/users/ID/replies` (to what a user asked); `SITE/users/ID` (what a user wrote),
    `SITE/users/ID/mentions`, `inbox`. SITE is a host such as `stackoverflow.com` or `dba.stackexchange.com`.
    """

    name = PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Stack Overflow and every other Stack Exchange site: questions, answers, comments, users, your inbox",
        needs="nothing for 300 requests a day; a free key for more; a token of a login for your inbox",
        credentials=(
            "Register an application at https://stackapps.com/apps/oauth/register; any name and address will do.",
            'Keep its key in an environment variable; in [connectors.stackexchange] write key = "env:STACK_KEY".',
            "For your inbox: open https://stackoverflow.com/oauth/dialog with these parameters, and agree:",
            "client_id=YOURS, scope=read_inbox,no_expiry, redirect_uri=https://stackexchange.com/oauth/login_success",
            'Copy access_token out of the address you land at; keep it likewise as access_token = "env:…".',
        ),
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
            "replies to questions tagged python on stackoverflow",
            "https://stackoverflow.com/users/1/name",
        ),
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for 100 items: the newest at the first poll, later from the newest known one on, oldest first.

        Source: https://api.stackexchange.com/docs/questions.
        """
        query = _query(feed)
        if query.route == "inbox":
            page = newest_first.Walk.read(cursor).token or "1"
            token = connector.secret(self.settings.access_token, "connectors.stackexchange.access_token")
            return self._asked("/2.3/inbox", {"page": page, "pagesize": PAGE_SIZE, "filter": "withbody"}, token)
        params: dict[str, str | int]
        path, mark = ROUTES.get(query.route, ""), cursor
        tagged: dict[str, str | int] = {"tagged": ";".join(query.tags)} if query.tags else {}
        if query.route in REPLIES:
            parts = Parts.read(cursor, query)
            if parts.part == "questions":
                path = f"/2.3/users/{query.number}/questions" if query.number else ROUTES["questions"]
                params = {"site": query.site, "sort": "activity", "order": "desc", "pagesize": PAGE_SIZE}
                return self._asked(path, params | tagged)
            path, mark, tagged = f"/2.3/questions/{';'.join(map(str, parts.ids))}/{parts.part}", parts.mark, {}
        params = {"site": query.site, "sort": "creation", "order": "asc" if mark else "desc"}
        params |= {"pagesize": PAGE_SIZE, "filter": "withbody"}
        params |= tagged
        params |= {"q": query.words} if query.words else {}
        return self._asked(path.format(number=query.number), params | walk.window(mark))

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
        # The questions whose replies are wanted are no posts of this feed.
        shown = [] if query.route in REPLIES and Parts.read(cursor, query).part == "questions" else items
        posts, rejects = gather(shown, lambda item: READERS.get(query.route, question)(item, query.site))
        following, more, gap = _following(query, cursor, items, more=body.get("has_more") is True)
        wait_s = _wait_s(body)
        return Page(
            posts,
            cursor=following,
            more=more and wait_s is None,
            gap=gap,
            wait_s=wait_s,
            quotas=_quotas(body),
            title=feed.title or query.title,
            home_url=feed.home_url or query.home_url,
            rejects=rejects,
        )

    def feed_for(self, text: str) -> Feed | None:
        """Take a tag's, a search's or a user's page, `questions tagged python on stackoverflow`, or our notation."""
        query = pasted(text)
        return None if query is None else _feed(query)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List what I wrote, replies to what I asked, comments that name me, and the inbox where a token is set."""
        me = user(account)
        if me is None:
            return ()
        found = [Query(me.site, route, number=me.number) for route in ("user", "user replies", "mentions")]
        return tuple(map(_feed, [*found, Query("", "inbox")] if self.settings.access_token is not None else found))

    def whose(self, text: str) -> str | None:
        """Take the page of a user."""
        found = user(text)
        return None if found is None else f"{found.site}/{found.number}"

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read questions and answers again, and comments; what does not come is gone. Only with a key.

        Source: https://api.stackexchange.com/docs/questions-by-ids.
        """
        if self.settings.key is None:
            return Page()
        found: list[tuple[Any, str]] = []
        gone: list[str] = []
        for site, numbers, is_comment in _by_site(native_ids[: limits.RECHECKED]):
            left = set(numbers)
            for what in ("comments",) if is_comment else ("questions", "answers"):
                items = self._again(what, site, sorted(left)) if left else []
                found.extend((item, site) for item in items)
                left -= {item.get(f"{what[:-1]}_id") for item in items if isinstance(item, dict)}
            gone.extend(f"{site}/{'comment-' if is_comment else ''}{number}" for number in sorted(left))
        posts, rejects = gather(found, lambda pair: replies.reply(*pair))
        return Page(posts, deleted=tuple(gone), rejects=rejects)

    def _again(self, what: str, site: str, numbers: Sequence[int]) -> Sequence[Any]:  # Any: raw JSON
        path = f"/2.3/{what}/{';'.join(map(str, numbers))}"
        answer = self.http.send(self._asked(path, {"site": site, "pagesize": PAGE_SIZE, "filter": "withbody"}))
        self.refuse(answer)
        body = json_body(answer)
        _refuse(body)
        if not isinstance(body, dict) or not isinstance(body.get("items"), list):
            raise BadPayload("the answer has no items")
        items: Sequence[Any] = body["items"]
        return items

    def _asked(self, path: str, params: Mapping[str, str | int], token: str | None = None) -> Request:
        """Send key or token as a header; in the address they are refused since June 2026.

        Source: https://meta.stackexchange.com/questions/417382, read in a copy 2026-11-25.
        """
        if token is None and self.settings.key is not None:
            token = self.settings.key.get_secret_value()
        base = (self.settings.base_url or API).rstrip("/")
        credentials = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return Request(f"{base}{path}?{urlencode(params, quote_via=quote)}", credentials=credentials)


def _query(feed: Feed) -> Query:
    query = Query.read(feed.query)
    if query is None:
        raise ConnectorError("there is no such feed; write SITE/tag;tag, such as stackoverflow.com/python;asyncio")
    return query


def _feed(query: Query) -> Feed:
    return Feed(0, PLATFORM, str(query), PLATFORM, title=query.title, home_url=query.home_url)


def _following(query: Query, cursor: str | None, items: list[Any], *, more: bool) -> tuple[str, bool, Gap | None]:
    """Give the next cursor, whether there is more to ask for at once, and a gap (Any: raw JSON)."""
    if query.route in REPLIES:
        parts = Parts.read(cursor, query)
        if parts.part == "questions":
            found, goes_on = parts.found(items)
            return found.cursor, goes_on, None
        after, goes_on, gap = parts.step(items, more=more)
        return after.cursor, goes_on, gap
    if query.route == "inbox":
        held = newest_first.Walk.read(cursor)
        rows = [
            newest_first.Item(_named(item), when(item.get("creation_date"))) for item in items if isinstance(item, dict)
        ]
        taken = newest_first.step(held, rows, str(int(held.token or "1") + 1) if more else None)
        return taken.walk.cursor, taken.more, taken.gap
    mark, gap = walk.step(cursor, items, more=more)
    return mark.cursor, mark.under_way, gap


def _named(item: Mapping[str, Any]) -> str:  # Any: raw JSON
    parts = (item.get(name) for name in ("item_type", "creation_date", "question_id", "answer_id", "comment_id"))
    return " ".join(str(part) for part in parts)


def _by_site(native_ids: Sequence[str]) -> list[tuple[str, list[int], bool]]:
    """Sort ids by site, comments apart."""
    found: dict[tuple[str, bool], list[int]] = {}
    for name in native_ids:
        if match := re.fullmatch(r"([\w.-]+)/(comment-)?([1-9]\d{0,15})", name):
            found.setdefault((match[1], bool(match[2])), []).append(int(match[3]))
    return [(site, numbers, is_comment) for (site, is_comment), numbers in found.items()]


def _quotas(body: Mapping[str, Any]) -> tuple[Quota, ...]:  # Any: raw JSON
    left, most = body.get("quota_remaining"), body.get("quota_max")
    return (Quota("requests a day", left, most if type(most) is int else None),) if type(left) is int else ()


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
