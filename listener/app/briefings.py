"""Briefings that are made: kept once for each local date and circle, sent once, found again."""

import os
import platform
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from listener import config as configuration
from listener import schedule
from listener.app.gathering import Gathering
from listener.app.marking import Marking
from listener.errors import ConfigError, ListenerError, StoreError
from listener.store import KeptBriefing
from listener.store.told import ASIDE

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from listener.briefing import Briefing
    from listener.mailer import Letter, Mailer

STRANGE: Final = "briefings_ahead"
"""The store's note of the day on which briefings of days to come were noticed."""
MAIL_MARK: Final = "mail_mark"
"""The store's own part of a letter's name, so that two stores' letters of a day are two."""
LEASE_S: Final = 300.0
"""How long a sender is waited for that says nothing any more; longer than any letter takes."""
REACH: Final = timedelta(days=7)
"""So far back a briefing tells what those before it did not."""
FIRST: Final = timedelta(hours=24)
"""So far back the first one does."""
GIVE_UP: Final = timedelta(hours=24)
"""A briefing that could not be sent for so long waits for the next one, which tells its news."""
RETRY: Final = timedelta(minutes=1)
RETRY_MOST: Final = timedelta(hours=1)
PATIENT_TRIES: Final = 4
"""From this try on, those who take a letter do not wait for those who do not."""
WIDTH: Final = 72
"""Columns of a mail's text."""


@dataclass(frozen=True, slots=True)
class Briefed:
    """What one look at the clock brought."""

    made: "Briefing | None" = None
    """Made just now."""
    tried: KeptBriefing | None = None
    """Sent just now, or not."""


class Delivering(Marking, Gathering):
    """The verbs of briefings that are kept and sent."""

    @property
    def sends_mail(self) -> bool:
        """Tell whether the configuration names a mail server."""
        return self.config.mail.host is not None

    def compose_briefing(self, circle: str = "", *, keeps: bool = False) -> "Briefing":
        """Compose what the next briefing of a circle would say: all since the last one that reached the user."""
        now = self.now()
        reached = (one.at for one in self.store.briefings(30, circle) if one.has_reached and one.at <= now)
        last = next(reached, now - FIRST)
        return self.brief(since=max(last, now - REACH), circle=circle or None, keeps=keeps)

    def make_briefing(self, on: date, circle: str = "") -> tuple[KeptBriefing, bool]:
        """Make the briefing of a date and keep it; False: another one had been made, which is given."""
        found = self.store.briefing(on, circle)
        if found is not None:
            return found, False
        briefing = self.compose_briefing(circle, keeps=True)
        body = _codec().dump_json(briefing).decode()
        state = "waiting" if self.sends_mail else "made"
        made = KeptBriefing(on, circle, briefing.now, briefing.since, body, state)  # type: ignore[arg-type] # a literal
        kept = self.store.save_briefing(made, shown(briefing))
        found = kept or self.store.briefing(on, circle)
        assert found is not None
        return found, kept is not None

    def kept_briefing(self, on: date, circle: str = "") -> KeptBriefing:
        """Find the briefing of a date; StoreError names the nearest dates that have one."""
        found = self.store.briefing(on, circle)
        if found is not None:
            return found
        dates = sorted((one.date for one in self.store.briefings(100_000, circle)), key=lambda other: abs(other - on))
        near = ", ".join(other.isoformat() for other in sorted(dates[:3]))
        advice = f"the nearest are of {near}" if near else "none was made so far; `listener briefing --send` makes one"
        raise StoreError(f"no briefing of {on}{f' for {circle}' if circle else ''} is kept; {advice}")

    # sending

    def send_briefing(
        self, on: date, circle: str = "", *, by_hand: bool = False, again: bool = False
    ) -> KeptBriefing | None:
        """Mail a briefing that was made; give how that ended. None: it is not to be sent now, or somebody is at it."""
        if not self.sends_mail:
            raise ConfigError("mail.host: to send a briefing, name your mail server and whom to write to under [mail]")
        held = self.store.briefing(on, circle)
        token = f"{os.getpid()}@{platform.node()}/{uuid.uuid4().hex}"
        kept = self.store.claim_briefing(
            on,
            circle,
            token=token,
            now=self.now(),
            lease_s=LEASE_S,
            by_hand=by_hand or again,
            again=again,
            dead=held.token if held is not None and _is_dead(held.token) else None,
        )
        if kept is None:
            return None
        self._send(kept, token)
        return self.store.briefing(on, circle)

    def _send(self, kept: KeptBriefing, token: str) -> None:
        def begin() -> bool:
            return self.store.begin_sending(kept.id, token, self.now() + timedelta(seconds=LEASE_S))

        try:
            sent = self.mailer().send(self.letter(kept), begin=begin, patient=kept.tries < PATIENT_TRIES)
        except ListenerError as error:
            self.store.finish_briefing(kept.id, token, "refused", self.now(), error=str(error))
            return
        wait = min(RETRY * 2.0 ** min(kept.tries - 1, 20), RETRY_MOST)
        next_try = self.now() + wait if sent.outcome == "failed" else None
        self.store.finish_briefing(kept.id, token, sent.outcome, self.now(), error=sent.detail, next_try=next_try)

    def mailer(self) -> "Mailer":
        """Build the way out for mail; ConfigError where a secret cannot be fetched."""
        from listener.mailer import Mailer, Office

        mail = self.config.mail
        if mail.host is None or not mail.to:
            raise ConfigError("mail.host: no mail server is named")
        password = configuration.mail_password(self.config)
        sender = mail.sender or mail.to[0]
        office = Office(mail.host, sender, mail.to, mail.security, mail.port, mail.user, password)
        return Mailer(office, self.config.network.rules())

    def letter(self, kept: KeptBriefing) -> "Letter":
        """Write a kept briefing as a letter."""
        from listener import render
        from listener.mailer import Letter
        from listener.wording import heading

        briefing = read(kept)
        name = f"{kept.date}.{kept.circle or 'all'}.{self._mail_mark()}"
        again = kept.sent_at is not None
        return Letter(
            subject=heading(briefing),
            text=as_text(briefing),
            html=render.html(briefing),
            name=f"{name}.{kept.tries}" if again else name,
            at=self.now(),
            answers=name if again else None,
            is_repeat=kept.repeat > 0,
        )

    def _mail_mark(self) -> str:
        found = self.store.get_meta(MAIL_MARK)
        if found is None:
            found = uuid.uuid4().hex[:12]
            self.store.set_meta(MAIL_MARK, found)
        return found

    # the clock

    def brief_when_due(self) -> Briefed:
        """Make today's briefing once its hour has come, and send what waits to be sent."""
        due, made = self.briefing_due(), None
        if due is not None:
            kept, is_new = self.make_briefing(due)
            made = read(kept) if is_new else None
        return Briefed(made, self._send_waiting() if self.sends_mail else None)

    def briefing_due(self) -> date | None:
        """Name the local date whose briefing is due and not made; None: nothing is due."""
        section, today = self.config.briefing, self.day(0)
        noted = self.store.get_meta(STRANGE)
        before = date.fromisoformat(noted) if noted else None
        last, strange = schedule.last_done([one.date for one in self.store.briefings(30, "")], today, before)
        if strange != before:
            self.store.set_meta(STRANGE, strange.isoformat() if strange else "")
        return schedule.briefing_due(self.now(), section.at, section.zone(), last, section.weekdays())

    def _send_waiting(self) -> KeptBriefing | None:
        now = self.now()
        newest = next((one for one in self.store.briefings(30, "") if one.at <= now), None)
        if newest is None or newest.state in ("made", "sent", "refused") or now - newest.at > GIVE_UP:
            return None
        return self.send_briefing(newest.date)


def read(kept: KeptBriefing) -> "Briefing":
    """Read a kept briefing's values."""
    return _codec().validate_json(kept.body)


def _codec() -> "TypeAdapter[Briefing]":
    from pydantic import TypeAdapter

    from listener.briefing import Briefing

    return TypeAdapter(Briefing)


def as_text(briefing: "Briefing") -> str:
    """Write a briefing as plain text, as the terminal shows it."""
    from rich.console import Console

    from listener import render

    out = StringIO()
    render.text(briefing, Console(file=out, width=WIDTH, highlight=False, emoji=False, no_color=True))
    return out.getvalue()


def shown(briefing: "Briefing") -> list[tuple[int, str, int]]:
    """List the posts that a briefing shows or names: (post, section, people in its story)."""
    rows: dict[int, tuple[str, int]] = {}
    for story in briefing.stories:
        rows[story.post.post_id] = ("stories", story.people)
    for section, items in (("leads", briefing.leads), ("questions", briefing.questions)):
        for item in items:
            rows.setdefault(item.post_id, (section, 1))
    for post in _named(_codec().dump_python(briefing, mode="json")):
        rows.setdefault(post, (ASIDE, 0))
    return [(post, section, people) for post, (section, people) in rows.items()]


# Any: JSON.
def _named(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        if isinstance(value.get("post_id"), int):
            yield value["post_id"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def _is_dead(token: str | None) -> bool:
    """Tell a sender that was a program of this machine and runs no more."""
    pid, _, machine = (token or "").partition("/")[0].partition("@")
    if machine != platform.node() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
