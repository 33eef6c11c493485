"""Posts as rows and rows as posts: numbers for times and scores, one JSON object for what is rare."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final, NamedTuple

from listener.types import LABELS, Account, Arrival, Counts, Draft, Kind, Label, Media, Post, Scores, StoredPost

Row = tuple[Any, ...]
"""What SQLite gives; the SELECT beside it says what is in it."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS: Final = 86_400_000
SCALE: Final = 10_000
"""A probability is kept as an integer of 1/10,000."""
THUMB_UP: Final = SCALE + 1
"""In a score's place: the user said yes. It is above every threshold and in the label's index."""
THUMB_DOWN: Final = -1
"""In a score's place: the user said no."""
KINDS: Final[tuple[Kind, ...]] = ("post", "reply", "repost", "quote")
ARRIVALS: Final[tuple[Arrival, ...]] = ("live", "first", "archive")
ARCHIVE: Final = ARRIVALS.index("archive")
_KIND: Final = {kind: number for number, kind in enumerate(KINDS)}
_ARRIVAL: Final = {arrival: number for number, arrival in enumerate(ARRIVALS)}

COLUMNS: Final = (
    "id, key, platform, sort_at, story, simhash, digest, feed, account, kind, arrival, published_at, first_seen_at,"
    " lead, question, news, model, link_key, raw, lang, native_id, url, title, more, text"
)
INSERT: Final = f"insert into posts({COLUMNS}) values ({', '.join('?' * 25)})"
EDIT: Final = (
    "update posts set sort_at = ?, simhash = ?, digest = ?, account = ?, kind = ?, published_at = ?, lead = ?,"
    " question = ?, news = ?, model = ?, link_key = ?, raw = ?, lang = ?, url = ?, title = ?, more = ?, text = ?"
    " where id = ?"
)
STORED: Final = (
    "p.id, p.platform, p.native_id, p.url, p.kind, p.title, p.text, p.lang, p.published_at, p.deleted_at, p.more,"
    " p.first_seen_at, p.sort_at, p.feed, p.lead, p.question, p.news, p.model, p.story, p.arrival, a.platform,"
    " a.native_id, a.handle, a.name, a.url, a.followers, a.is_bot, a.opted_out"
    " from posts p left join accounts a on a.id = p.account"
)
"""Columns and tables of a SELECT whose rows `stored` reads."""


class Numbers(NamedTuple):
    """What a row says by the numbers of other tables."""

    platform: int
    feed: int
    account: int | None
    model: int | None
    raw: int | None


_RARE: Final = {
    "r": "in_reply_to", "t": "thread", "q": "refers_to", "m": "mentions", "l": "links", "g": "tags", "c": "community",
    "i": "instance", "v": "visibility", "w": "warning", "s": "answered", "k": "licence",
}  # fmt: skip
"""Letter in the JSON object `more` to the post's field."""
_LETTERS: Final = tuple(_RARE)
_rare = attrgetter(*_RARE.values())
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def ms(moment: datetime) -> int:
    """Give UTC milliseconds, rounded down."""
    delta = moment - EPOCH
    return delta.days * DAY_MS + delta.seconds * 1000 + delta.microseconds // 1000


def moment(value: int) -> datetime:
    """Give the aware datetime of UTC milliseconds."""
    return EPOCH + timedelta(milliseconds=value)


def optional_moment(value: int | None) -> datetime | None:
    """Give the aware datetime of UTC milliseconds, where there are any."""
    return None if value is None else EPOCH + timedelta(milliseconds=value)


def hash64(*parts: str | None) -> int:
    """Give a signed 64-bit hash of some texts, one after the other."""
    joined = "\0".join([part or "" for part in parts])
    return int.from_bytes(hashlib.blake2b(joined.encode(), digest_size=8).digest(), "little", signed=True)


def key_of(platform: str, native_id: str) -> int:
    """Give the number that the index of posts knows a post by.

    An index of these takes a third of one of the texts. Equal numbers only mean "compare the texts": who finds two
    ids with one hash has gained nothing.
    """
    return hash64(platform, native_id)


def sort_at(post: Post, first_seen_at: int) -> int:
    """Give min(published_at, first_seen_at) in milliseconds (R14)."""
    return first_seen_at if post.published_at is None else min(ms(post.published_at), first_seen_at)


def scored(scores: Scores | None) -> list[int | None]:
    """Give the scores as integers in the order of LABELS; None: not scored."""
    if scores is None:
        return [None, None, None]
    return [None if (score := scores.get(label)) is None else round(score * SCALE) for label in LABELS]


def claimed(post: Post, sort_ms: int) -> int | None:
    """Give published_at as the column keeps it: 0 where it equals sort_at."""
    if post.published_at is None:
        return None
    published = ms(post.published_at)
    return 0 if published == sort_ms else published


def row(draft: Draft, place: tuple[int, int, int, int], about: Numbers, now: int) -> Row:
    """Make the row of a new post, as INSERT wants it. `place`: id, key, sort_at, story."""
    post = draft.post
    number, key, sort_ms, story = place
    return (
        number, key, about.platform, sort_ms, story, draft.simhash, draft.digest, about.feed, about.account,
        _KIND[post.kind], _ARRIVAL[draft.arrival], claimed(post, sort_ms), now, *scored(draft.scores), about.model,
        draft.link_key, about.raw, post.lang, post.native_id, _short(post), post.title, packed(post), post.text,
    )  # fmt: skip


def edited(draft: Draft, number: int, sort_ms: int, about: Numbers, scores: Sequence[int | None]) -> Row:
    """Make the values that EDIT wants for a known post."""
    post = draft.post
    return (
        sort_ms, draft.simhash, draft.digest, about.account, _KIND[post.kind], claimed(post, sort_ms), *scores,
        about.model, draft.link_key, about.raw, post.lang, _short(post), post.title, packed(post), post.text, number,
    )  # fmt: skip


def _short(post: Post) -> str | None:
    """Give the address as the column keeps it: empty where the native_id ends with it, as those of most feeds do."""
    if post.url and post.native_id[post.native_id.find("http") :] == post.url:
        return ""
    return post.url or None


def _long(url: str | None, native_id: str) -> str | None:
    return native_id[native_id.find("http") :] if url == "" else url


def packed(post: Post) -> str | None:
    """Put what most posts lack into one JSON object with short names; None: nothing."""
    more = {
        letter: value for letter, value in zip(_LETTERS, _rare(post), strict=True) if value is not None and value != ()
    }
    if post.edited_at is not None:
        more["e"] = ms(post.edited_at)
    if post.counts is not None:
        more["n"] = (post.counts.replies, post.counts.likes, post.counts.reposts, post.counts.score)
    if post.media:
        more["a"] = [(m.url, m.mime, m.alt, m.duration_s) for m in post.media]
    return _encode(more) if more else None


def stored(found: Row, words: Mapping[int, str], feeds: Sequence[int], thumbs: Mapping[Label, Row]) -> StoredPost:
    """Make a post of a row of STORED. `thumbs`: label to (value, the score it stands before)."""
    (
        number, platform, native_id, url, kind, title, text, lang, published, deleted, more, first_seen, sort_ms, feed,
        lead, question, news, model, story, arrival, *account,
    ) = found  # fmt: skip
    post = Post(
        words[platform], native_id, _long(url, native_id), _account(account, words), KINDS[kind], title, text, lang,
        moment(sort_ms) if published == 0 else optional_moment(published), deleted_at=optional_moment(deleted),
        **_unpacked(more),
    )  # fmt: skip
    columns: dict[Label, int | None] = {"lead": lead, "question": question, "news": news}
    columns |= {label: thumb[1] for label, thumb in thumbs.items()}
    return StoredPost(
        id=number, post=post, first_seen_at=moment(first_seen), sort_at=moment(sort_ms), feeds=(feed, *feeds),
        scores={label: score / SCALE for label, score in columns.items() if score is not None},
        model=None if model is None else words[model], story=story, arrival=ARRIVALS[arrival],
        thumbs={label: bool(thumb[0]) for label, thumb in thumbs.items()},
    )  # fmt: skip


def _account(found: Sequence[Any], words: Mapping[int, str]) -> Account | None:
    platform, native_id, handle, name, url, followers, is_bot, opted_out = found
    if native_id is None:
        return None
    bot, out = (None if told is None else bool(told) for told in (is_bot, opted_out))
    return Account(words[platform], native_id, handle, name, url, followers, bot, out)


def _unpacked(more: str | None) -> dict[str, Any]:
    if more is None:
        return {}
    found = json.loads(more)
    values = {name: found[letter] for letter, name in _RARE.items() if letter in found}
    for name in ("mentions", "links", "tags"):
        values[name] = tuple(values.get(name, ()))
    if "e" in found:
        values["edited_at"] = moment(found["e"])
    if "n" in found:
        values["counts"] = Counts(*found["n"])
    if "a" in found:
        values["media"] = tuple(Media(*media) for media in found["a"])
    return values
