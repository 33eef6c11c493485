"""Hacker News: the site's lists by Firebase; words, authors and threads by Algolia.

A list's items are read once; later edits and deletions are seen where they are read again. A search reads two hours
beyond the newest known post again, because the index runs late; what is edited inside them is seen.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from connectors.hackernews import lists, pasted, searches
from connectors.hackernews import posts as posts_of
from listener import limits
from listener.connector import Connector, Traits, gather, json_body, refuse, refuse_web_page
from listener.errors import BadPayload, ConnectorError
from listener.types import Answer, Feed, Page, Request

FIREBASE: Final = "https://hacker-news.firebaseio.com"
ALGOLIA: Final = "https://hn.algolia.com"
ITEM_SLOT_S: Final = 0.05
"""Firebase documents no rate limit; this is our own manners."""


class HackerNews(Connector):
    """Read lists, searches, users and threads of Hacker News.

    Queries: `top`, `new`, `ask`, `show`, `jobs`; `stories:WORDS`, `comments:WORDS`, `search:WORDS` (both), where a word
    stands for all that begin with it, `"a phrase"` is exact and `-word` must be absent; `user:NAME`; `thread:NUMBER`;
    `replies:NAME` (comments that answer what somebody said last).
    """

    name = "hackernews"
    traits = Traits(
        reads="Hacker News: front page, newest, Ask, Show and jobs; posts by words; users, replies, threads",
        interval_s=900.0,
        limit=(
            "Firebase: none stated (github.com/HackerNews/API, read 2026-11-23); "
            "Algolia: 10,000 requests an hour and address (the source of its API page, read 2026-11-23)"
        ),
        examples=(
            "hn:ask",
            "hn comments: postgres backup",
            "https://news.ycombinator.com/show",
            "https://news.ycombinator.com/user?id=whoishiring",
            "hn replies: name",
        ),
    )

    def fetch(self, feed: Feed, cursor: str | None) -> Answer:
        """Ask for a list and its next 30 unread items, or for one page of 100 search hits, newest first.

        A list's answer is put together here: `{"list": ids or null, "items": {id: item}}`, without items that could
        not be had. Source: https://github.com/HackerNews/API, "Ask, Show and Job Stories".
        """
        ranking = lists.LISTS.get(feed.query)
        if ranking is None and searches.split(feed.query)[0] == "replies":
            return self._replies(feed.query, cursor)
        if ranking is None:
            url = self._base(ALGOLIA) + searches.path(feed.query, cursor)
            return self.http.send(Request(url))
        listed = None
        if not lists.left(cursor):
            answer = self.http.send(Request(f"{self._base(FIREBASE)}/v0/{ranking.path}.json", slot_s=ITEM_SLOT_S))
            if answer.status != 200:
                return answer
            refuse_web_page(answer)
            listed = lists.ids(json_body(answer))
        _, todo = lists.plan(ranking, cursor, listed)
        return self._with_items(listed, todo[: lists.ITEMS])

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page of a list or of a search."""
        body = json_body(answer)
        if not isinstance(body, dict):
            raise BadPayload("the answer is no JSON object")
        ranking = lists.LISTS.get(feed.query)
        if ranking is not None:
            page = lists.page(body, ranking, cursor)
        else:
            read = searches.replies if searches.split(feed.query)[0] == "replies" else searches.page
            page = read(body, feed.query, cursor)
        title, home_url = pasted.names(feed.query)
        return replace(page, title=feed.title or title, home_url=feed.home_url or home_url)

    def refuse(self, answer: Answer) -> None:
        """Tell a block at the platform's edge from an ordinary refusal."""
        refuse_web_page(answer)
        refuse(answer)

    def feed_for(self, text: str) -> Feed | None:
        """Take a page of the site or of its search, `hn:ask`, `hn comments: postgres backup`, `hn postgres`."""
        query = pasted.query_of(text)
        if query is None:
            return None
        title, home_url = pasted.names(query)
        return Feed(0, self.name, query, self.name, title=title, home_url=home_url)

    def mine(self, account: str) -> tuple[Feed, ...]:
        """List what I said and who answers me, for `hn:NAME` or the page of a profile."""
        name = pasted.user(account)
        found = () if name is None else (f"user:{name}", f"replies:{name}")
        return tuple(Feed(0, self.name, query, self.name, *_shown(query)) for query in found)

    def whose(self, text: str) -> str | None:
        """Take `hn:NAME`, and the page of a profile."""
        return pasted.user(text)

    def recheck(self, native_ids: Sequence[str]) -> Page:
        """Read items again, one request each; what was deleted or killed is gone."""
        numbers = [int(name) for name in native_ids if name.isascii() and name.isdigit()][: limits.RECHECKED]
        answer = self._with_items(None, numbers)
        self.refuse(answer)
        items = [item for item in json_body(answer)["items"].values() if isinstance(item, dict)]
        posts, rejects = gather(items, posts_of.of_item)
        deleted = tuple(str(item.get("id")) for item in items if posts_of.is_gone(item))
        return Page(posts, deleted=deleted, rejects=rejects)

    def _replies(self, query: str, cursor: str | None) -> Answer:
        """Ask for what somebody said last, and then for the comments in the threads it stands in.

        The answer is put together here: the second one's, with the ids of the first as `mine`.
        """
        base = self._base(ALGOLIA)
        answer = self.http.send(Request(base + searches.path_of_mine(query)))
        if answer.status != 200:
            return answer
        refuse_web_page(answer)
        own, threads = searches.mine(json_body(answer))
        if not threads:
            return Answer(answer.url, 200, {}, json.dumps({"hits": [], "nbHits": 0, "mine": []}).encode())
        answer = self.http.send(Request(base + searches.path_of_replies(threads, cursor)))
        if answer.status != 200:
            return answer
        refuse_web_page(answer)
        body = json_body(answer)
        if not isinstance(body, dict):
            raise BadPayload("the answer is no JSON object")
        return Answer(answer.url, 200, {}, json.dumps({**body, "mine": own}).encode())

    def _base(self, url: str) -> str:
        return (self.settings.base_url or url).rstrip("/")

    def _with_items(self, listed: list[int] | None, ids: Iterable[int]) -> Answer:
        url = f"{self._base(FIREBASE)}/v0/item"
        requests = {number: Request(f"{url}/{number}.json", slot_s=ITEM_SLOT_S) for number in ids}
        items: dict[int, object] = {}
        failures: list[Answer | ConnectorError] = []
        for number, outcome in self.http.fetch_many(requests):
            item = _item(outcome)
            if isinstance(item, dict | None):
                items[number] = item
            else:
                failures.append(outcome)
        limited = [answer for answer in failures if isinstance(answer, Answer) and answer.status == 429]
        if limited or (failures and not items):
            return _failed((limited or failures)[0])
        return Answer(url, 200, {}, json.dumps({"list": listed, "items": items}).encode())


def _shown(query: str) -> tuple[str, None, str]:
    title, home_url = pasted.names(query)
    return title, None, home_url


def _item(outcome: Answer | ConnectorError) -> object:
    """Give an item, None for one that is not there (yet), or a text where nothing readable came."""
    if isinstance(outcome, ConnectorError) or outcome.status != 200:
        return "failed"
    try:
        return json.loads(outcome.body)
    except (ValueError, RecursionError):  # one broken item must not lose the page
        return "unreadable"


def _failed(outcome: Answer | ConnectorError) -> Answer:
    if isinstance(outcome, ConnectorError):
        raise outcome
    if outcome.status == 200:
        refuse_web_page(outcome)
        raise BadPayload("no item of the list could be read")
    return outcome
