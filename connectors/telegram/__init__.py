"""Telegram: the channels and groups that the user's own bot is in, by the bot's one list of updates.

The list is the bot's, not a chat's: one feed brings all chats, and each post's community names its own. Telegram keeps
an update for a day, and forgets it once a later one is asked for: so that is asked only after the page was saved.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import SecretStr

from connectors.telegram.messages import PLATFORM, posts
from listener import connector
from listener.connector import HttpConnector, Traits, json_body, refuse_web_page, secret
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.types import Answer, Feed, Gap, Page, Request
from listener.waits import bounded

API: Final = "https://api.telegram.org"
KEY: Final = "connectors.telegram.token"
QUERY: Final = "updates"
TITLE: Final = "Telegram: the chats your bot is in"
UPDATES: Final = ("message", "edited_message", "channel_post", "edited_channel_post")
LIMIT: Final = 100
KEPT_S: Final = 86_400.0
"""How long an update waits for its bot (core.telegram.org/bots/api#getting-updates, read 2026-11-23)."""

_PASTED: Final = re.compile(r"telegram(?::\s*updates)?|my telegram bot", re.IGNORECASE)


class Settings(connector.Settings):
    """What `[connectors.telegram]` may hold."""

    token: SecretStr | None = None
    """Your bot's token from @BotFather."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A cursor. Times are the server's own, in seconds since 1970."""

    offset: int | None = None
    """The first update that we do not hold."""
    polled_s: float | None = None
    came_s: float | None = None
    """When an update last came."""
    away: bool = False
    """True: a day went by without a poll, and no update has come since to tell whether any was lost."""

    @classmethod
    def read(cls, cursor: str | None) -> "Mark":
        """Read a cursor; one that is not ours begins anew, and Telegram still holds what nobody confirmed."""
        try:
            return cls(**json.loads(cursor or "{}"))
        except (ValueError, TypeError):
            return cls()

    @property
    def confirms(self) -> int | None:
        """Give the offset to ask with; None: none.

        After a week of silence Telegram draws a new number, which may be lower and would never be seen. What is older
        than a day is gone there anyway, so that after two silent days nothing is left to confirm.
        """
        silent_s = (self.polled_s or 0.0) - (self.came_s or 0.0)
        return None if self.came_s is not None and silent_s > 2 * KEPT_S else self.offset


class Telegram(HttpConnector):
    """Read what a bot gets to see. The one query: `updates`."""

    name = PLATFORM
    settings_model = Settings
    settings: Settings
    traits = Traits(
        reads="Telegram channels and groups that your own bot is in; nothing from before it came, no deletions",
        needs="the token of a bot of your own, which is an admin of the channel or a member of the group",
        credentials=(
            "In Telegram, write /newbot to @BotFather and follow it; it gives you a token.",
            "For groups, write /setprivacy to @BotFather and disable it, or the bot sees commands only.",
            "Add the bot to your groups, and to your channels as an administrator (no right is needed).",
            "Put the token into an environment variable or a file that only you can read.",
            'Set token = "env:NAME" or "file:PATH" under [connectors.telegram].',
            "Let no other program ask for this bot's updates, and set no webhook: they would take them away.",
        ),
        interval_s=600.0,
        limit="updates are kept for 24 hours; 100 a request (core.telegram.org/bots/api, read 2026-11-23)",
        examples=("telegram:updates",),
        closed={
            r"(?:t|telegram)\.me/": (
                "Telegram shows a channel only to bots that are in it, so a public channel of others cannot be read; "
                "where your own bot is in it, `listener feeds add telegram:updates` brings it with all the bot sees"
            ),
        },
    )

    def request(self, feed: Feed, cursor: str | None) -> Request:
        """Ask for the 100 oldest updates that are not confirmed; asking confirms all before the offset.

        Source: https://core.telegram.org/bots/api#getupdates, read 2026-11-23.
        """
        if feed.query != QUERY:
            raise ConnectorError("there is no such feed; the one there is reads all chats of the bot: telegram:updates")
        token = secret(self.settings.token, KEY)
        params: dict[str, str | int] = {"limit": LIMIT, "timeout": 0, "allowed_updates": json.dumps(UPDATES)}
        offset = Mark.read(cursor).confirms
        params |= {} if offset is None else {"offset": offset}
        base = (self.settings.base_url or API).rstrip("/")
        return Request(f"{base}/bot{token}/getUpdates?{urlencode(params)}")

    def parse(self, answer: Answer, feed: Feed, cursor: str | None) -> Page:
        """Read a page of updates; the cursor that follows confirms them once it is used."""
        body = json_body(answer)
        if isinstance(body, dict) and body.get("ok") is False:
            _refuse(body)
        if not isinstance(body, dict) or not isinstance(body.get("result"), list):
            raise BadPayload("the answer has no result")
        updates = body["result"]
        found, rejects = posts([_message(one) for one in updates])
        numbers = [one["update_id"] for one in updates if isinstance(one, dict) and type(one.get("update_id")) is int]
        mark, gap = _following(Mark.read(cursor), numbers, _date_s(answer.headers))
        full = len(updates) >= LIMIT and bool(numbers)
        return Page(found, json.dumps(asdict(mark)), more=full, gap=gap, title=feed.title or TITLE, rejects=rejects)

    def refuse(self, answer: Answer) -> None:
        """Read the platform's own words; a token that was never given is 404, a withdrawn one 401."""
        refuse_web_page(answer)
        if answer.status >= 400 and b'"ok"' in answer.body[:1_000]:
            _refuse(json_body(answer))
        connector.refuse(answer)

    def feed_for(self, text: str) -> Feed | None:
        """Take `telegram:updates`; no channel can be read alone."""
        text = text.strip()
        if len(text) > 200 or not _PASTED.fullmatch(text):
            return None
        return Feed(0, self.name, QUERY, self.name, title=TITLE, home_url="https://web.telegram.org/")

    def missing(self) -> str | None:
        """Say that the token is missing."""
        return None if self.settings.token else f"{KEY} is not set"


def _following(held: Mark, numbers: list[int], now_s: float | None) -> tuple[Mark, Gap | None]:
    away = held.away or (None not in (now_s, held.polled_s) and (now_s or 0) - (held.polled_s or 0) > KEPT_S)
    polled_s = now_s if now_s is not None else held.polled_s
    if not numbers:
        return replace(held, polled_s=polled_s, came_s=held.came_s or polled_s, away=away), None
    gap = None
    # Numbers count up: where they go on without a break, nothing was lost.
    if away and held.offset is not None and numbers[0] != held.offset:
        why = "more than a day went by without a poll, and Telegram keeps updates no longer"
        gap = Gap(why, f"update {held.offset - 1}", f"update {numbers[0]}")
    return Mark(max(numbers) + 1, polled_s, polled_s), gap


def _message(update: Any) -> Any:
    if not isinstance(update, dict):
        return update
    return next((update[kind] for kind in UPDATES if kind in update), None)


def _date_s(headers: Mapping[str, str]) -> float | None:
    """Read when the server answered, by its own clock."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _refuse(body: Any) -> None:
    """Raise what the platform's error stands for. Its words are not repeated."""
    said = body if isinstance(body, dict) else {}
    code, words = said.get("error_code"), str(said.get("description", "")).lower()
    if code == 429:
        raise RateLimited("error 429: the platform asks us to wait", _wait_s(said.get("parameters")))
    if code == 409 and "webhook" in words:
        raise ConnectorError("error 409: a webhook takes this bot's updates; remove it, or read with another bot")
    if code == 409:
        raise ConnectorError("error 409: another program asks for this bot's updates too; stop it or use another bot")
    if code in (401, 404):
        raise NotAuthorised(f"error {code}: the platform does not know this token; look at {KEY}")
    raise ConnectorError(f"error {code}: the platform refuses" if type(code) is int else "the platform refuses")


def _wait_s(parameters: object) -> float | None:
    wait_s = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return bounded(float(wait_s)) if isinstance(wait_s, int | float) else None
