"""From a reading to a page: what is new, what is missing, what is history, and where the next poll starts. Pure."""

import email.utils
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from connectors.rss.cursor import Cursor, pack, shared_bases
from connectors.rss.posts import Context, key, named, post
from connectors.rss.reading import Entry, Reading
from listener import limits
from listener.types import Gap, Page, Post, Reject

DAY_S: Final = 86_400
HISTORY_S: Final = 2 * DAY_S
"""An entry dated this long before the last fetch, which we then did not see, is an old one announced again."""

_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})")

Headers = Mapping[str, str]


def page(found: Reading, context: Context, before: Cursor, after: Cursor, headers: Headers) -> Page:
    """Make the page of a reading; `after` is the next cursor but for what the reading adds."""
    keys = {entry.item: key(entry, context) for entry in found.entries}
    items = {item: known for item in found.items if (known := keys.get(item) or before.items.get(item))}
    bases = {known.base for known in items.values()}
    # Only entries that stand side by side are two posts; one after the other, it is an edit.
    shared = (before.shared | shared_bases(items.values())) & bases
    unread = [entry for entry in found.entries if keys[entry.item].base not in _bases(before)]
    posts: dict[str, Post] = {}
    history = set()
    for entry in found.entries:
        made = post(entry, context, shared)
        posts.setdefault(made.native_id, made)
        if entry in unread and _is_history(entry, before):
            history.add(made.native_id)
    fetched_s = _written_s(headers) or _newest_s(found.entries, None) or before.fetched_s
    newest_s = max(filter(None, (before.newest_s, _newest_s(found.entries, fetched_s))), default=None)
    after = replace(after, packed=pack(items), shared=shared, fetched_s=fetched_s, newest_s=newest_s)
    return Page(
        posts=tuple(posts.values()),
        cursor=after.write(),
        deleted=tuple(named(guid, context) for guid in found.deleted),
        gap=_gap(found, before, bases, list(posts)),
        wait_s=_wait_s(found, headers),
        title=found.title,
        home_url=found.home,
        moved_to=after.moved_to if after.is_moved else None,
        archive=frozenset(history),
        rejects=tuple(Reject(None, reason, sample) for reason, sample in found.broken),
    )


def _bases(cursor: Cursor) -> set[str]:
    return {known.base for known in cursor.items.values()}


def _gap(found: Reading, before: Cursor, bases: set[str], names: list[str]) -> Gap | None:
    """Suspect a gap where a feed shows nothing that it showed the last time, or more than we read."""
    if before.items and bases and bases.isdisjoint(_bases(before)):
        reason = f"none of the feed's {len(found.items)} entries was there at the last poll: some may lie between"
        return Gap(reason, newer=names[-1] if names else None)
    if found.left_out and not before.items:
        return Gap(f"the feed holds {found.left_out} more entries; only the newest {limits.PAGE_ITEMS} are read")
    return None


def _is_history(entry: Entry, before: Cursor) -> bool:
    """Tell an old entry that is announced again from a new one.

    It must be older than the last fetch by `HISTORY_S`, and no newer than what we knew: a feed whose dates run late,
    or a server whose clock is wrong, brings news all the same.
    """
    if entry.published_s is None or before.fetched_s is None:
        return False
    is_newer_than_known = before.newest_s is not None and entry.published_s > before.newest_s
    return entry.published_s < before.fetched_s - HISTORY_S and not is_newer_than_known


def _written_s(headers: Headers) -> int | None:
    try:
        return int(email.utils.parsedate_to_datetime(headers.get("date", "")).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


def _newest_s(entries: Iterable[Entry], fetched_s: int | None) -> int | None:
    latest = None if fetched_s is None else fetched_s + DAY_S  # dates in the future say nothing
    dates = (entry.published_s for entry in entries if entry.published_s is not None)
    return max((date for date in dates if latest is None or date <= latest), default=None)


def _wait_s(found: Reading, headers: Headers) -> float | None:
    match = _MAX_AGE.search(headers.get("cache-control", "").lower())
    asked = max(found.wait_s or 0.0, float(match[1]) if match else 0.0)
    return min(asked, float(DAY_S)) or None
