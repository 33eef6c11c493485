"""Who is who in a workspace: asked once a week, kept in memory and in the connector's own file."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from listener.connector import Sessions

FRESH_S: Final = 7 * 86_400.0
NAME: Final = "members"
MOST: Final = 20_000


class Members:
    """What we know of members, by id: name, handle, whether a bot, and when that was read."""

    def __init__(self, sessions: Sessions | None) -> None:
        self._sessions = sessions
        self._known: dict[str, Any] | None = None

    def unknown(self, users: Iterable[str]) -> list[str]:
        """List those to be asked for, each once."""
        now_s, known = datetime.now(UTC).timestamp(), self._held()
        return [user for user in dict.fromkeys(users) if known.get(user, {}).get("at", 0) < now_s - FRESH_S]

    def remember(self, found: Mapping[str, Mapping[str, Any]], wanted: Iterable[str]) -> dict[str, Any]:
        """Keep what was found, and give what is known of `wanted`."""
        known = self._held()
        if found:
            at = datetime.now(UTC).timestamp()
            known |= {user: {**facts, "at": at} for user, facts in found.items()}
            self._known = dict(sorted(known.items(), key=lambda one: one[1].get("at", 0))[-MOST:])
            if self._sessions is not None:
                with self._sessions.lock():
                    self._sessions.put(NAME, json.dumps(self._known))
        return {user: known[user] for user in wanted if user in known}

    def _held(self) -> dict[str, Any]:
        if self._known is None:
            try:
                held = json.loads((self._sessions.get(NAME) if self._sessions else None) or "{}")
            except ValueError:
                held = {}
            self._known = {user: one for user, one in held.items() if isinstance(one, dict)}
        return self._known


def facts(body: Any) -> dict[str, Any]:
    """Take what we keep of an answer to users.info."""
    user = body.get("user") if isinstance(body, dict) else None
    if not isinstance(user, dict):
        return {}
    profile = user["profile"] if isinstance(user.get("profile"), dict) else {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    name = next((one for one in names if isinstance(one, str) and one), None)
    handle = user.get("name") if isinstance(user.get("name"), str) else None
    return {"name": name, "handle": handle, "is_bot": user.get("is_bot") is True}
