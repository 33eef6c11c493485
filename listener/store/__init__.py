"""Where posts live: the protocol that every engine keeps. This docstring and those below are the contract.

- One turn is one transaction: posts, edits, deletions, scores, stories, raw answer, gap, rejects, and the cursor last.
  A crash anywhere repeats the turn; saving twice equals saving once.
- `(platform, native_id)` names a post; a second feed that brings the same post adds itself
  to `feeds` and changes nothing else.
- An edit is a different `digest` for a known post: the row takes the new values and scores and keeps
  id, story and first_seen_at.
- A deleted post keeps its row with `deleted_at`, without title, text, links, raw; it is in no listing and no search.
- Times are UTC: integers of milliseconds inside, aware datetimes outside. The clock comes in as `now`.
- Everything may be called from any thread. Failures are StoreError, with nothing saved.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from listener.alerts import AlertQuery, AlertRow, Claimed, Delivery, Outcome, State, Terms, Verb
from listener.briefing import Told
from listener.budget import Allowance, Spending
from listener.grouping import House
from listener.health import Outage
from listener.people import People, Person
from listener.rules import Mute, Rule, RuleRow, Source
from listener.store.values import (
    MARKS,
    BriefingState,
    Candidate,
    Counted,
    Found,
    GapRow,
    Given,
    KeptBriefing,
    Key,
    Look,
    MarkKind,
    Member,
    OutageRow,
    Part,
    PostMark,
    PostQuery,
    QuotaRow,
    RejectRow,
    Rescored,
    Stats,
)
from listener.terms import Query
from listener.types import (
    Account,
    Born,
    Feed,
    FeedState,
    Follow,
    Label,
    Opinion,
    Plan,
    Saved,
    StoredPost,
    Turn,
    Watch,
)
from listener.volume import Counts, Said
from listener.work import Entry, Matter, Work


class Store(Protocol):
    """A place for posts. Cost is per call unless stated; n is what the call is given or gives."""

    @property
    def damage(self) -> str | None:
        """What is wrong with the place, for people; None: nothing that we know of.

        A damaged one refuses every write. `feeds`, `candidates`, `posts` and what finds posts by number give what
        can still be read, if that is anything; `get_meta` gives None where it cannot.
        """

    # feeds

    def add_feed(self, feed: Feed, now: datetime, *, from_config: bool = False) -> Feed:
        """Keep a feed, due at once; give it back with its number. The same connector and query again gives the
        feed that is there, and wakes it when it had been removed.
        """

    def add_feeds(self, added: Sequence[Feed], now: datetime, *, from_config: bool = False) -> list[Feed]:
        """Keep many feeds in one transaction; give them back in order."""

    def feeds(self) -> list[FeedState]:
        """List all feeds that are not removed, by number."""

    def feed(self, feed_id: int) -> FeedState | None:
        """Find one feed, also a removed one; None: no such number."""

    def set_feed(self, feed_id: int, changes: Mapping[str, str | float | bool | None], now: datetime) -> FeedState:
        """Change `title`, `folder`, `query`, `platform`, `fixed_interval_s`, `paused` or `from_config`, nothing else.

        A new query forgets cursor and failures; waking a paused feed, or a new interval, makes it due.
        """

    def remove_feed(self, feed_id: int) -> None:
        """Stop a feed for good; its posts stay, its number is never used again."""

    def make_due(self, feed_ids: Sequence[int], now: datetime) -> None:
        """Make feeds due at once, also those that wait for the user; paused ones stay paused."""

    # turns

    def claim_due(
        self, now: datetime, *, owner: str, lease_s: float, limit: int, only: Sequence[int] | None = None
    ) -> list[FeedState]:
        """Lease feeds that are due and that nobody holds, most overdue first; one transaction, a partial index."""

    def release(self, feed_ids: Sequence[int], owner: str) -> None:
        """Give back leases without a result (a clean stop)."""

    def renew(self, feed_ids: Sequence[int], owner: str, until: datetime) -> list[int]:
        """Hold leases longer; give those that `owner` still has."""

    def leases(self, now: datetime) -> dict[str, list[int]]:
        """List the leases that hold at `now`: owner to feed numbers."""

    def known(self, keys: Sequence[Key]) -> dict[Key, int]:
        """Find the digest of each post that is here, deleted ones too (digest 0). O(n log posts)."""

    def save_page(self, turn: Turn) -> Saved:
        """Save one turn in one transaction.

        With `turn.owner` set and no longer holding the lease: StoreError, nothing saved.

        The rules in `turn.watches` are held against its new posts, and against edited ones that came after the rule:
        what they find becomes alerts, once for each rule, post and channel.

        A turn that is not `final` keeps the lease and next_poll_at: the walk goes on, or is repeated after a crash.
        """

    def save_plans(self, plans: Sequence[tuple[int, str | None, Plan]], now: datetime, owner: str) -> None:
        """Save (feed id, cursor, plan) of turns that brought no posts, all in one transaction, and end their leases.

        A cursor of None leaves the old one. Leases that were taken over are skipped, not an error.
        """

    # money, quotas, outages

    def reserve(self, connector: str, amount: float, allowed: Allowance, now: datetime) -> int | None:
        """Take an amount out of what is allowed, before the call it is for; synchronous to the disk.

        None: it is not there, and nothing was taken. A reservation that nobody settles stays spent. Any number of
        threads and programs together never pass `allowed`.
        """

    def settle(self, reservation: int, amount: float) -> None:
        """Put what a call really cost in the place of what was reserved for it; `save_page` does so for its turn."""

    def stop_spending(self, connector: str, until: datetime) -> None:
        """Reserve nothing for a connector before `until`."""

    def spending(self, now: datetime) -> list[Spending]:
        """List what each connector has spent today and this month (UTC), by name."""

    def quotas(self) -> list[QuotaRow]:
        """List what platforms last said is left of their quotas, by connector and name."""

    def outages(self) -> list[OutageRow]:
        """List what is wrong now, oldest first."""

    def save_outages(self, begun: Sequence[Outage], ended: Sequence[str], now: datetime) -> None:
        """Write down what began and which subjects are over, in one transaction; one that is open stays as it is."""

    def fill_gap(self, gap_id: int) -> None:
        """Forget a gap: its posts came after all, or cannot be had any more and the user knows."""

    # reading

    def posts(self, query: PostQuery) -> list[StoredPost]:
        """List posts, newest first."""

    def post(self, post_id: int) -> StoredPost | None:
        """Find one post by its number."""

    def posts_by_id(self, ids: Sequence[int]) -> list[StoredPost]:
        """Find many posts, in the order of `ids`; missing and deleted ones are left out."""

    def posts_after(self, post_id: int, limit: int) -> list[StoredPost]:
        """List the next posts in the order of their numbers, without deleted ones: the whole store in batches."""

    def search(self, words: str, *, limit: int = 50, since: datetime | None = None) -> list[StoredPost]:
        """Find posts that hold all words (`"a phrase"` and `prefix*` too), best among the newest hits first.

        Any text at all is a valid search; what is no word is passed over. Bounded on any store size (speed goal S4).
        """

    def find(
        self,
        query: Query,
        given: Given,
        *,
        limit: int = 50,
        since: datetime | None = None,
        until: datetime | None = None,
        among: Sequence[int] | None = None,
    ) -> Found:
        """Find the newest posts that a query asks for, in [since, until) by sort_at; `among`: only of these.

        Bounded on any store size: where the time was over first, the answer is not `complete`.
        """

    def count(self, query: Query, given: Given, since: datetime, until: datetime) -> Counted:
        """Count the posts of [since, until) that a query asks for; bounded, too."""

    def parts(self, query: Query, given: Given, post_id: int) -> list[Part]:
        """Tell of each part of a query that asks one thing, in order, whether a post has it."""

    def candidates(self, since: datetime, until: datetime) -> list[Candidate]:
        """List what arrived (first_seen_at) in [since, until), without archives and deleted posts; O(arrivals)."""

    def story_members(self, stories: Collection[int]) -> dict[int, tuple[int, tuple[Member, ...]]]:
        """Tell what became of stories: each asked number to the story's number today and its posts, oldest first.

        A story that was joined to an older one is found by its old number too; unknown ones are left out.
        """

    # counting

    def volume(self, edges: Sequence[datetime], thresholds: Mapping[Label, float]) -> Counts:
        """Count what was said between neighbouring edges, by platform and label, without deleted posts.

        Thresholds below the floor of the label's index (0.2) count from there. No row is read: O(n) of an index.
        """

    def begun(self) -> datetime | None:
        """Say when the first post arrived; None: there is none."""

    def said_by(
        self, accounts: Collection[int], since: datetime, until: datetime, thresholds: Mapping[Label, float]
    ) -> list[Said]:
        """List what some accounts said in [since, until), oldest first."""

    def said_in(
        self, stories: Collection[int], since: datetime, until: datetime, thresholds: Mapping[Label, float]
    ) -> list[Said]:
        """List what was said in some stories, in the same way."""

    def said_for(
        self, goal: str, relevance: float, since: datetime, until: datetime, thresholds: Mapping[Label, float]
    ) -> list[Said]:
        """List what was said that serves a goal at least so far, in the same way."""

    def raw(self, post_id: int) -> bytes | None:
        """Give the answer's body that brought this post; None: past its retention."""

    def gaps(self, feed_id: int | None = None) -> list[GapRow]:
        """List recorded gaps, newest first."""

    def rejects(self, feed_id: int | None = None) -> list[RejectRow]:
        """List items in quarantine, newest first."""

    # the user's own words

    def label_post(self, post_id: int, label: Label, value: bool | None, now: datetime) -> None:
        """Keep a thumb for ever (None takes it back); synchronous to the disk. Unknown post: StoreError."""

    def label_goal(self, post_id: int, goal: str, value: bool | None, now: datetime) -> None:
        """Keep a thumb on a goal, in the same way; any name is a goal's."""

    def thumbs(self) -> list[tuple[int, Label, bool, datetime]]:
        """List all thumbs on labels, oldest first."""

    def goal_thumbs(self) -> list[tuple[int, str, bool, datetime]]:
        """List all thumbs on goals, oldest first; those of goals that are no more, too."""

    def thumb_scores(self, label: Label) -> list[tuple[float, bool]]:
        """List what the model had said of each post with a thumb on a label, and what the user says."""

    # what the user did with posts

    def mark(self, posts: Sequence[int], kind: MarkKind, now: datetime, until: datetime | None = None) -> None:
        """Keep a mark on posts, all or none; a mark goes with its post, and a starred post is never pruned.

        `until`: when a snooze ends. Unknown post: StoreError.
        """

    def unmark(self, posts: Sequence[int], kind: MarkKind) -> None:
        """Take a mark back."""

    def marks(self, ids: Sequence[int]) -> list[PostMark]:
        """List the marks of posts, oldest first."""

    def marks_since(self, since: datetime) -> list[PostMark]:
        """List what was marked at or after `since`, oldest first."""

    def marked_stories(self, now: datetime, since: datetime) -> dict[int, frozenset[MarkKind]]:
        """Give each story (today's number) of which a post was marked since, its marks; snoozes that are over not."""

    # briefings

    def save_briefing(self, made: KeptBriefing, shown: Collection[tuple[int, str, int]] = ()) -> KeptBriefing | None:
        """Keep a briefing and what it showed: (post, section, people in its story). None: its date has one already.

        Earlier ones of its circle that wait to be sent are folded into it. A body's items, objects in lists with
        `post_id`, go with their posts.
        """

    def briefing(self, on: date, circle: str = "") -> KeptBriefing | None:
        """Find the briefing of a local date; None: none was made."""

    def briefings(self, limit: int, circle: str | None = None) -> list[KeptBriefing]:
        """List briefings without their bodies, newest date first."""

    def told_since(self, since: datetime) -> dict[int, Told]:
        """Give each story (today's number) that reached the user since: when last, and how many people it had then."""

    def speakers(self, stories: Collection[int], until: datetime) -> dict[int, tuple[tuple[int | None, int], ...]]:
        """Give who had spoken in stories by then: each story to its (account, post) pairs; O(posts of the stories)."""

    def reactions(self, accounts: Collection[int], before: datetime) -> Mapping[int, list[int]]:
        """Give what the newest posts of accounts got, those that were counted; O(accounts), at most 20 posts each."""

    def claim_briefing(
        self,
        on: date,
        circle: str,
        *,
        token: str,
        now: datetime,
        lease_s: float,
        by_hand: bool = False,
        again: bool = False,
        dead: str | None = None,
    ) -> KeptBriefing | None:
        """Take a briefing to send it. None: there is none, or it is not to be sent now, or somebody else has it.

        One whose sender vanished before `begin_sending` waits as before; after it nobody knows, and it goes out once
        more, with `repeat` counted. `by_hand`: also one that failed, was refused or was not to be sent; `again`: also
        one that was sent. `dead`: a token whose owner is known to be gone.
        """

    def begin_sending(self, briefing_id: int, token: str, until: datetime) -> bool:
        """Note that from now on it may have left; False: somebody else has it, and it must not be sent."""

    def finish_briefing(
        self,
        briefing_id: int,
        token: str,
        outcome: BriefingState,
        now: datetime,
        *,
        error: str | None = None,
        next_try: datetime | None = None,
    ) -> bool:
        """Keep how sending ended; False: somebody else has it, and nothing was kept."""

    # what posts mean to the user

    def relate(self, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Put the relevance of posts to goals in the place of all that was there; thumbs stay."""

    def keep_goals(self, goals: Collection[str]) -> None:
        """Forget the relevance of posts to every other goal; their thumbs count again when it comes back."""

    def relevance(self, ids: Sequence[int]) -> dict[int, dict[str, float]]:
        """Give the relevance of posts to goals, a thumb applied as 0 or 1; those that serve none are left out."""

    def rescore(self, rows: Sequence[Rescored]) -> None:
        """Write scores and relevance made anew; a thumb stays, and the score that it was given at stays beside it."""

    def scores(self, label: Label, since: datetime) -> list[tuple[int, float, bool | None]]:
        """List what arrived since, archives apart: number, the model's own score, the user's thumb if there is one."""

    def save_opinion(self, post_id: int, opinion: Opinion, now_scores: Mapping[Label, float]) -> None:
        """Keep the judge's opinion, and the scores that come of it; a thumb stays. An edit ends the opinion."""

    def save_looks(self, looks: Sequence[Look]) -> None:
        """Keep which posts the blind audit drew, and with what odds."""

    def looks(self, label: Label, since: datetime) -> list[Look]:
        """List the looks drawn since, oldest first."""

    def answer_look(self, look_id: int, answer: bool) -> None:
        """Keep the user's answer to a look."""

    def save_head(self, name: str, version: str, body: bytes | None, now: datetime) -> None:
        """Keep a head that was trained from the user's thumbs in the place of the last one (None: forget it)."""

    def head_version(self, name: str) -> str | None:
        """Name the head that is kept, which costs next to nothing; None: there is none."""

    def head(self, name: str) -> bytes | None:
        """Give a head's bytes; None: there is none."""

    # small values

    def get_meta(self, name: str) -> str | None:
        """Read a small value of ours."""

    def set_meta(self, name: str, value: str) -> None:
        """Keep a small value of ours."""

    # people

    def save_follows(self, follows: Sequence[Follow], now: datetime) -> int:
        """Keep whom the user follows; give how many were not known. One that is known takes the new names."""

    def follows(self) -> list[tuple[Account, str]]:
        """List whom the user follows with the circle ("" without one), by platform and handle."""

    def save_person(self, person: Person, now: datetime) -> Person:
        """Keep a person whole, with all ties and circles; give it back with its number. 0 in `id`: a new one.

        StoreError: another person has this name or one of these accounts, or there is no such number.
        """

    def configure_people(self, persons: Sequence[Person], now: datetime) -> None:
        """Make the configuration's people what the file says; those that left it are forgotten, the others stay."""

    def remove_person(self, person_id: int) -> None:
        """Forget a person; their accounts and posts stay."""

    def persons(self) -> list[Person]:
        """List all persons, by name."""

    def people(self, may_link: Callable[[Account], bool] | None = None) -> People:
        """Tell who is who: ties become numbers of accounts, by index; O(persons + ties + follows + what is proved).

        `may_link` says which accounts may be tied to others; without it nothing is proved, the user's ties hold.
        """

    def accounts(self, ids: Collection[int]) -> dict[int, Account]:
        """Read accounts by number; unknown ones are left out."""

    def last_heard(self, accounts: Collection[int]) -> dict[int, datetime]:
        """Say when each account last said something that is here; those that did not are left out."""

    # alerts

    def channels_due(self, now: datetime) -> list[str]:
        """Name the channels that something is due on, or whose last try nobody ended. Cheap."""

    def claim_alerts(
        self, channel: str, now: datetime, *, token: str, lease_s: float, terms: Mapping[int, Terms], house: House
    ) -> Claimed | None:
        """Take the next message of a channel, as `grouping.plan` has it; holds and drops are written down too.

        Its alerts are `sending` until `finish_alerts`, or until the lease ends: then nobody knows how the try ended,
        and they go again under the same key with `repeat` counted up. `token` is new for each claim. `terms`: those
        of every rule that there is.
        """

    def finish_alerts(
        self, claimed: Claimed, token: str, outcome: Outcome, now: datetime, *, took_ms: int = 0
    ) -> State | None:
        """Write down how a try ended; give what the alerts are now. None: the lease was lost, and the alerts are
        somebody else's, unless they were sent and nobody has taken them since. Saying it twice changes nothing.
        """

    def alerts(self, query: AlertQuery) -> list[AlertRow]:
        """List alerts, newest first."""

    def alert_counts(self) -> dict[State, int]:
        """Count alerts by state."""

    def change_alerts(self, ids: Collection[int], verb: Verb, now: datetime) -> int:
        """Hold what is to be sent (for good), release what is held, or send again what was or could not be sent;
        give how many changed.
        """

    def deliveries(self, channel: str | None = None, limit: int = 50) -> list[Delivery]:
        """List what channels answered, newest first."""

    def log_delivery(self, key: str, channel: str, outcome: Outcome, now: datetime, *, took_ms: int) -> None:
        """Write down a channel's answer to what is no alert: a test, a briefing."""

    def alerts_about(self, post: int) -> list[AlertRow]:
        """List the alerts about a post, oldest first."""

    def messages_of(self, rule: int, since: datetime, until: datetime) -> list[datetime]:
        """List when messages of a rule went out before `until`, of alerts born since."""

    def raise_alert(self, watch: Watch, occasion: str, born: Born, now: datetime, rests_s: float) -> bool:
        """Keep an alert about a volume or a silence, once for each occasion, and not within `rests_s` of the last of
        its rule; False: it was told already.
        """

    # rules

    def rules(self) -> list[RuleRow]:
        """List all rules, oldest first."""

    def rules_mark(self) -> str:
        """Give a text that is another one whenever rules or mutes changed; costs next to nothing."""

    def add_rule(self, rule: Rule, now: datetime) -> RuleRow:
        """Keep a new rule; StoreError where its name is taken."""

    def change_rule(self, number: int, rule: Rule, now: datetime) -> RuleRow:
        """Put another rule in a rule's place; from now on it is the user's, and only what comes later alerts."""

    def pause_rule(self, number: int, *, paused: bool) -> None:
        """Let a rule rest, or wake it; what came meanwhile makes no alerts."""

    def remove_rule(self, number: int) -> None:
        """Take a rule away for good; what waits of its alerts is never sent."""

    def sync_rules(self, wanted: Sequence[tuple[Rule, Source]], now: datetime) -> None:
        """Make the rules of the configuration, and the built-in ones, what they are to be; those that left are removed.

        A built-in one that the user changed or removed stays so.
        """

    def mutes(self) -> list[Mute]:
        """List all mutes, by kind and value."""

    def mute(self, mute: Mute, now: datetime) -> bool:
        """Keep a mute; False: it was there."""

    def unmute(self, mute: Mute) -> bool:
        """Take a mute back; False: there was none."""

    # leads and questions

    def works(self, matter: Matter) -> list[Work]:
        """List the posts that somebody touched, the last touched first."""

    def work(self, post: int, matter: Matter) -> Work | None:
        """Find where a post stands; None: nobody touched it."""

    def work_log(self, post: int, matter: Matter) -> list[Entry]:
        """List all that was done about a post, oldest first."""

    def set_work(self, work: Work, now: datetime) -> Work:
        """Keep where a post stands, and a line of its log; synchronous to the disk.

        Without an owner or a note the ones that are there stay. Unknown post: StoreError.
        """

    def claim(self, post: int, by: str, now: datetime, note: str | None = None) -> Work:
        """Take a question on; StoreError where somebody else has it, with who and since when."""

    def take_back(self, post: int, matter: Matter, to: Work | None, now: datetime) -> Work | None:
        """Put a post back to where it stood; None: to untouched. Its log tells that a step was taken back."""

    def note_answers(self, mine: Collection[int], threshold: float, since: datetime, now: datetime) -> list[int]:
        """Set questions to answered that one of the user's own accounts (`mine`) replied to since; give their numbers.

        `threshold`: from which probability on a post is a question. O(own posts since).
        """

    # care

    def prune(
        self,
        now: datetime,
        *,
        raw_days: float,
        post_days: float | None,
        story_days: float,
        platform_days: Mapping[str, float] | None = None,
    ) -> dict[str, int]:
        """Delete what the retention no longer covers; give the number of rows by kind.

        `platform_days`: platforms whose posts go earlier than others. Posts that are labelled, starred or
        worked on are never deleted.
        """

    def check(self) -> list[str]:
        """Look for damage (a quick check of the file, counts that must agree); an empty list means sound."""

    def stats(self) -> Stats:
        """Count; may take a second on a large store."""

    def backup(self, path: Path) -> None:
        """Write a complete, checked copy, mode 0600, beside running writers.

        An existing file is replaced only by a good copy.
        """

    def close(self) -> None:
        """Close; later calls are errors."""


__all__ = [
    "MARKS",
    "BriefingState",
    "Candidate",
    "Counted",
    "Found",
    "GapRow",
    "Given",
    "KeptBriefing",
    "Key",
    "Look",
    "MarkKind",
    "Member",
    "OutageRow",
    "Part",
    "PostMark",
    "PostQuery",
    "QuotaRow",
    "RejectRow",
    "Rescored",
    "Stats",
    "Store",
    "Told",
]
