"""What is done to the store beside polling: closing gaps, reading posts again, imports, and telling what is wrong."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Final

from listener import budget, connector, health, limits
from listener.connector import Budgeted, Connector
from listener.drafting import Tools, draft
from listener.errors import BadPayload, ConnectorError
from listener.paying import reserve, settle_failed
from listener.store import GapRow, PostQuery
from listener.types import Feed, FeedState, Gap, Page, Plan, Post, Turn

log = logging.getLogger(__name__)

FILL_PAGES: Final = 50
"""Most pages of one try to close a gap."""
RECHECK_DAYS: Final = 2.0
"""Posts younger than this are read again: most edits and deletions come soon."""


@dataclass(frozen=True, slots=True)
class Filled:
    """How a try to close a gap ended."""

    feed: Feed
    gap: GapRow
    new: int = 0
    closed: bool = False
    reason: str | None = None
    """Why it is still open; None: closed."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file brought."""

    feeds: int = 0
    posts: int = 0
    """In the file."""
    new: int = 0
    rejected: int = 0
    accounts: int = 0
    """People the file names as the user's connections."""


def fill(tools: Tools, gap: GapRow) -> Filled:
    """Walk back over a gap with its own cursor; the feed's stays where it is, whatever happens."""
    state = tools.store.feed(gap.feed_id)
    if state is None:
        return Filled(Feed(gap.feed_id, "", "", ""), gap, reason="its feed is gone")
    source = tools.find(state.feed.connector)
    cursor = source.fill(state.feed, Gap(gap.reason, gap.older, gap.newer))
    if cursor is None:
        return Filled(state.feed, gap, reason="the platform does not go back there")
    new = 0
    for _ in range(FILL_PAGES):
        page, reservation = _paid(tools, source, state.feed, cursor)
        new += _keep(tools, state, replace(page, gap=None), reservation)
        if not page.more or page.cursor is None:
            tools.store.fill_gap(gap.id)
            return Filled(state.feed, gap, new, closed=True)
        cursor = page.cursor
    return Filled(state.feed, gap, new, reason=f"it is longer than {FILL_PAGES} pages; call again to go on")


def _paid(tools: Tools, source: Connector, feed: Feed, cursor: str) -> tuple[Page, int | None]:
    reservation = reserve(tools, source, feed, connector.cost(source, feed, cursor))
    try:
        return connector.poll(source, feed, cursor)[1], reservation
    except ConnectorError as error:
        settle_failed(tools, source, reservation, error)
        raise


def _keep(tools: Tools, state: FeedState, page: Page, reservation: int | None = None) -> int:
    """Save a page that did not come by the feed's own walk: neither its cursor nor its plan moves."""
    now = tools.now()
    drafts, rejects = draft(tools, replace(state, last_success_at=now), page, now)
    turn = Turn(
        state.feed,
        now,
        state.cursor,
        Plan(state.next_poll_at, limits.INTERVAL_START_S),
        tuple(replace(one, arrival="archive") for one in drafts),
        page.deleted,
        page.gap,
        rejects,
        cost=page.cost,
        reservation=reservation,
        quotas=page.quotas,
        final=False,
    )
    return len(tools.store.save_page(turn).new)


def save_posts(tools: Tools, feed: Feed, posts: Sequence[Post], now: datetime) -> int:
    """Save posts that did not come by a poll, decided like any others; give how many are new. The feed is paused."""
    kept = tools.store.add_feed(feed, now)
    state = tools.store.set_feed(kept.id, {"paused": True}, now)
    drafts, rejects = draft(tools, replace(state, last_success_at=now), Page(tuple(posts)), now)
    plan = Plan(None, limits.INTERVAL_START_S)
    turn = Turn(kept, now, None, plan, drafts, rejects=rejects, title=feed.title, home_url=feed.home_url)
    return len(tools.store.save_page(turn).new)


def import_file(
    tools: Tools,
    sources: Sequence[Connector],
    path: Path,
    watch: Callable[[int], None],
    platform: str | None = None,
) -> Imported:
    """Save what a file holds as history, by the first connector that knows its kind; `watch` hears of posts so far.

    `platform`: where its posts were said, if the file does not say so. Importing the same file again adds nothing.
    Raises BadPayload with the reason where no connector knows the file, or one knows it but cannot read it.
    """
    if path.is_file() and path.stat().st_size == 0:
        raise BadPayload(f"{path.name}: the file is empty")
    refused: list[BadPayload] = []
    for source in sources:
        try:
            pages = connector.archive(source, path, platform)
            first = next(pages, None)
        except BadPayload as error:
            refused.append(error)
            continue
        if first is not None:
            return _imported(tools, chain((first,), pages), watch)
    raise refused[0] if refused else _unknown(sources, path, platform)


def _imported(tools: Tools, pages: Iterable[tuple[Feed, Page]], watch: Callable[[int], None]) -> Imported:
    """Save pages as they come; only one with posts, or with rows that cannot be read, makes a feed."""
    found = Imported()
    feeds: dict[tuple[str, str], FeedState] = {}
    for feed, page in pages:
        key, new = (feed.connector, feed.query), 0
        if key not in feeds and (page.posts or page.rejects):
            kept = tools.store.add_feed(feed, tools.now())
            feeds[key] = tools.store.set_feed(kept.id, {"paused": True}, tools.now())
        if key in feeds:
            new = _keep(tools, feeds[key], page)
        tools.store.save_follows(page.follows, tools.now())
        found = Imported(
            len(feeds),
            found.posts + len(page.posts),
            found.new + new,
            found.rejected + len(page.rejects),
            found.accounts + len(page.follows),
        )
        watch(found.posts)
    return found


def _unknown(sources: Sequence[Connector], path: Path, platform: str | None) -> BadPayload:
    """Say what each connector that reads files misses in this one."""
    able = [source for source in sources if platform is None or _takes_platform(source)]
    reasons = {source.name: why for source in able if (why := source.unread(path)) is not None}
    if not reasons:
        lack = "reads no files" if platform is None else "takes no --platform"
        return BadPayload(f"{path.name}: {', '.join(source.name for source in sources)} {lack}")
    if len(reasons) == 1:
        return BadPayload(f"{path.name}: {', '.join(reasons.values())}")
    told = "".join(f"\n  {name}: {why}" for name, why in reasons.items())
    return BadPayload(f"{path.name}: no connector knows this kind of file{told}")


def _takes_platform(source: Connector) -> bool:
    return type(source).read_archive_of is not Connector.read_archive_of


def recheck(tools: Tools, sources: Iterable[Connector]) -> dict[str, int]:
    """Read young posts again where a platform has a cheap way: edits and deletions reach the store.

    Gives the number of posts that changed or went, by connector. A connector that fails is logged and passed over.
    """
    changed: dict[str, int] = {}
    for source in sources:
        try:
            changed[source.name] = _recheck(tools, source)
        except NotImplementedError:
            continue
        except ConnectorError as error:
            log.warning("%s: could not read posts again: %s", source.name, error)
    return {name: count for name, count in changed.items() if count}


def _recheck(tools: Tools, source: Connector) -> int:
    feeds = {state.feed.id: state for state in tools.store.feeds() if state.feed.connector == source.name}
    since = tools.now() - timedelta(days=RECHECK_DAYS)
    total = 0
    for state in feeds.values():
        query = PostQuery(since=since, feed_id=state.feed.id, limit=limits.RECHECKED)
        held = [found.post.native_id for found in tools.store.posts(query) if found.post.kind != "repost"]
        if not held:
            continue
        reservation = reserve(tools, source, state.feed, source.recheck_cost(len(held)))
        try:
            page = connector.recheck(source, state.feed, held)
        except ConnectorError as error:
            settle_failed(tools, source, reservation, error)
            raise
        before = tools.store.known([(state.feed.platform, native_id) for native_id in held])
        _keep(tools, state, page, reservation)
        after = tools.store.known([(state.feed.platform, native_id) for native_id in held])
        total += sum(before[key] != after.get(key) for key in before)
    return total


def tell(tools: Tools, said: Collection[int] = ()) -> list[str]:
    """Find what is newly wrong and what recovered, write it down, and give one message for each (R19).

    `said`: feeds whose failure people were told of just now; it is written down, and not told again.
    """
    now = tools.now()
    known = {row.subject: row.text for row in tools.store.outages()}
    found = health.outages(tools.store.feeds(), now) | _low_budgets(tools, now)
    begun, ended = health.changes(known, found)
    if begun or ended:
        tools.store.save_outages(begun, ended, now)
    untold = [outage.text for outage in begun if not outage.failing or outage.failing - set(said)]
    return untold + [f"{subject}: all right again" for subject in ended]


def _low_budgets(tools: Tools, now: datetime) -> dict[str, health.Outage]:
    found = {}
    for spent in tools.store.spending(now):
        source = tools.find(spent.connector)
        monthly = source.settings.monthly_budget if isinstance(source.settings, Budgeted) else 0.0
        if budget.is_low(spent, monthly):
            unit = source.traits.currency
            gone = f"{budget.shown(spent.month, unit)} of this month's {budget.shown(monthly, unit)}"
            name = f"the budget of {spent.connector}"
            found[name] = health.Outage(name, f"{spent.connector}: {gone} are spent; at the whole of it polls stop")
    return found
