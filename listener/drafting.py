"""What is decided about a page's posts before they are saved: bounds, policy, language, scores, relevance, story.

One place for polls, streams and imports.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from listener import limits, normalise, stories, telling, urls
from listener.connector import Connector, Http
from listener.policy import Policies
from listener.store import Store
from listener.types import Arrival, Draft, FeedState, Page, Post, Reject, Scores, Watch


class Scorer(Protocol):
    """What the pipeline needs of a classifier."""

    @property
    def version(self) -> str:
        """Name the weights."""

    def score(self, posts: Sequence[Post]) -> list[Scores]:
        """Give each post its probabilities, in order."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything a turn is done with, built by `app`."""

    store: Store
    http: Http
    find: Callable[[str], Connector]
    """Name to a built connector; raises ConfigError for one that is not there."""
    scorer: Scorer | None
    links: urls.LinkRules
    now: Callable[[], datetime]
    dice: Callable[[], float]
    """Uniform in [0, 1)."""
    obstacle: Callable[[], str | None] = lambda: None
    """Why polling must wait (a full disk), or None."""
    policy: Policies = field(default_factory=Policies)
    language: Callable[[Post], str | None] = lambda _: None
    """Says which language a post is in, where its platform does not."""
    relate: Callable[[Sequence[Post]], Sequence[Mapping[str, float]]] = lambda posts: [{} for _ in posts]
    """Gives each post's relevance to the user's goals."""
    watch: Callable[[Sequence[Draft], int, datetime], tuple[Watch, ...]] = lambda *_: ()
    """Gives the rules that some of a page's posts, brought by a feed, may alert."""
    worker: str = "worker"
    """Who works, as leases name it: `pid@machine`."""


def draft(tools: Tools, state: FeedState, page: Page, now: datetime) -> tuple[tuple[Draft, ...], tuple[Reject, ...]]:
    """Normalise a page's posts and decide about those that are unseen or edited."""
    posts, rejects = _normalised(tools, page, now)
    known = tools.store.known(list(posts))
    digests = {key: normalise.digest(post) for key, post in posts.items()}
    unseen = [key for key in posts if known.get(key) != digests[key]]
    posts |= {key: _spoken(tools, posts[key]) for key in unseen}
    fresh = [posts[key] for key in unseen]
    scores = dict(zip(unseen, _scores(tools, fresh), strict=True))
    relevance = dict(zip(unseen, tools.relate(fresh), strict=True)) if fresh else {}
    first: Arrival = "live" if state.last_success_at else "first"
    drafts = []
    for key, post in posts.items():
        arrival: Arrival = "archive" if post.native_id in page.archive else first
        found = Draft(post, digests[key], arrival)
        drafts.append(_decided(tools, found, scores[key], relevance[key]) if key in scores else found)
    return tuple(drafts), (*page.rejects, *rejects)


def _normalised(tools: Tools, page: Page, now: datetime) -> tuple[dict[tuple[str, str], Post], list[Reject]]:
    posts: dict[tuple[str, str], Post] = {}
    rejects = []
    for raw in page.posts[: limits.PAGE_ITEMS]:
        post = tools.policy.kept(normalise.normalise(raw, now))
        reason = normalise.check(post)
        if reason is None:
            posts[post.platform, post.native_id] = post
        else:
            rejects.append(Reject(post.native_id or None, reason, (post.text or post.title or "")[:2_000]))
    return posts, rejects


def _spoken(tools: Tools, post: Post) -> Post:
    return post if post.lang is not None else replace(post, lang=tools.language(post))


def _scores(tools: Tools, posts: Sequence[Post]) -> list[Scores]:
    if tools.scorer is None or not posts:
        return [{} for _ in posts]
    return tools.scorer.score(posts)


def _decided(tools: Tools, found: Draft, scores: Scores, relevance: Mapping[str, float]) -> Draft:
    post = found.post
    link = urls.story_link(post, tools.links)
    return replace(
        found,
        scores=scores,
        model=tools.scorer.version if tools.scorer else None,
        relevance=relevance,
        link_key=None if link is None else urls.link_key(link),
        simhash=stories.simhash(f"{post.title or ''} {post.text}"),
        marks=telling.read(post).asked,
    )
