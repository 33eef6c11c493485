"""Posts that look like posts: seeded, natural lengths, Zipf words, six shapes of address; texts mean nothing."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from listener import telling
from listener.types import Account, Counts, Draft, Post

START = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
TEXT_CHARS = 343
WORDS = 60_000
SHAPES = ("forum", "board", "answers", "fediverse", "sky", "blog")


@dataclass(frozen=True, slots=True)
class Batch:
    """Posts that arrive together, one page of one feed."""

    now: datetime
    feed: int
    drafts: tuple[Draft, ...]


def words(seed: int = 1) -> list[str]:
    """Invent words, common ones short."""
    rng = random.Random(seed)
    syllables = [
        a + b
        for a in ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "st", "tr", "pl"]
        for b in ["a", "e", "i", "o", "u", "ai", "er", "on"]
    ]
    found: dict[str, None] = {}
    while len(found) < WORDS:
        length = 1 + min(4, int(rng.expovariate(1.0)) + (len(found) > 100) + (len(found) > 3_000))
        found["".join(rng.choices(syllables, k=length))] = None
    return list(found)


class Writer:
    """Make drafts; the same seed makes the same ones. Posts before `marked_from` have no marks: it is quicker."""

    def __init__(self, posts: int, seed: int = 1, marked_from: int = 0) -> None:
        self.posts = posts
        self.marked_from = marked_from
        self.words = words(seed)
        self.rng = random.Random(seed)
        self._numbers = np.random.default_rng(seed)
        weights = 1 / np.arange(1, WORDS + 1)
        self._cumulative = np.cumsum(weights / weights.sum())
        lengths = np.array([len(word) + 1 for word in self.words])
        self._words_per_text = TEXT_CHARS / float((lengths * weights).sum() / weights.sum())
        self._links = [f"https://site{n % 5_000}.example/articles/{n}/a-title-of-it" for n in range(max(posts // 4, 1))]
        self._authors = max(posts // 20, 1)

    def batches(self, size: int, feeds: int) -> Iterator[Batch]:
        """Make all posts, `size` at a time, spread over one year and `feeds` feeds."""
        for first in range(0, self.posts, size):
            count = min(size, self.posts - first)
            now = START + YEAR * (first / self.posts)
            texts, titles = self._texts(count, 0.9), self._texts(count, 0.3, 8)
            drafts = tuple(self._draft(first + n, now, texts[n], titles[n]) for n in range(count))
            yield Batch(now, 1 + (first // size) % feeds, drafts)

    def _texts(self, count: int, spread: float, mean: float | None = None) -> list[str]:
        mean = self._words_per_text if mean is None else mean
        lengths = np.maximum(1, self._numbers.lognormal(np.log(mean) - spread**2 / 2, spread, count)).astype(int)
        picked = np.searchsorted(self._cumulative, self._numbers.random(int(lengths.sum()))).tolist()
        found, at = [], 0
        for length in lengths.tolist():
            found.append(" ".join([self.words[n] for n in picked[at : at + length]]).capitalize() + ".")
            at += length
        return found

    def _draft(self, number: int, now: datetime, text: str, title: str) -> Draft:
        rng = self.rng
        platform = SHAPES[number % 6]
        author_number = int(rng.random() ** 3 * self._authors)
        handle = f"{self.words[author_number % WORDS]}{author_number}"
        native_id, url, author = _address(platform, number, handle, self.words[number % WORDS])
        link = rng.choice(self._links) if rng.random() < 0.4 else None
        post = Post(
            platform, native_id, url, Account(platform, author, handle, handle.title()),
            "reply" if number % 5 == 0 else "post", title if platform in {"forum", "board", "answers", "blog"} else None,
            text, "en", now - timedelta(seconds=rng.randrange(3_600)),
            in_reply_to=native_id[:-1] if number % 5 == 0 else None, links=() if link is None else (link,),
            tags=("alpha", "beta") if number % 6 == 2 else (), community="gardening" if platform == "board" else None,
            counts=Counts(number % 7, number % 31) if number % 2 else None,
        )  # fmt: skip
        scores = {"lead": rng.random() ** 12, "question": rng.random() ** 6, "news": rng.random() ** 4}
        return Draft(
            post, rng.getrandbits(63), marks=telling.read(post).asked if number >= self.marked_from else (), scores=scores, model="bench-1", simhash=rng.getrandbits(64) - (1 << 63),
            link_key=None if link is None else hash(link),
        )  # fmt: skip


def _address(platform: str, number: int, handle: str, word: str) -> tuple[str, str, str]:
    if platform == "forum":
        return f"{40_000_000 + number}", f"https://news.forum.example/item?id={40_000_000 + number}", handle
    if platform == "board":
        short = np.base_repr(2_000_000_000 + number, 36).lower()
        return f"t3_{short}", f"https://www.board.example/r/gardening/comments/{short}/{word}_{word}/", handle
    if platform == "answers":
        native = f"answers.example/{78_000_000 + number}"
        return native, f"https://answers.example/questions/{78_000_000 + number}", f"answers.example/{handle}"
    if platform == "fediverse":
        home = f"https://social{number % 40}.example"
        return (
            f"{home}/users/{handle}/statuses/11{number:016}",
            f"{home}/@{handle}/11{number:016}",
            f"{home}/users/{handle}",
        )
    if platform == "sky":
        did = f"did:plc:{hash(handle) & 0xFFFFFFFFFFFFFF:024x}"
        record = f"3l{number:011}"
        return f"at://{did}/app.post/{record}", f"https://sky.example/profile/{handle}.sky.example/post/{record}", did
    url = f"https://blog{number % 900}.example/2025/{word}-{number}"
    return f"{number % 900}/{url}", url, f"blog{number % 900}.example"
