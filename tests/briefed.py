"""The hand-made day as the program briefs it: its people known, its posts labelled as its key says."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from listener import config
from listener.app import App
from listener.briefing import Briefing
from listener.drafting import Tools
from listener.people import Person, Tie
from listener.types import Post, Scores
from tests import day


class Key:
    """Scores posts as the key of the day labels them: the classifier's own errors are not the subject here."""

    version = "key"

    def __init__(self) -> None:
        self.key = day.key()
        self.names = {(s.post.platform, s.post.native_id): s.id for which in day.MORNINGS for s in day.said(which)}

    def score(self, posts: Sequence[Post]) -> list[Scores]:
        """Give 0.9 to what the key calls a lead or a question, 0.05 to everything else."""
        return [self._score(self.names[post.platform, post.native_id]) for post in posts]

    def _score(self, name: str) -> Scores:
        lead, question = (0.9 if name in self.key[kind] else 0.05 for kind in ("leads", "questions"))
        return {"lead": lead, "question": question, "news": 0.05}


class Days:
    """A user's store that lives through the day, and their clock."""

    def __init__(self, folder: Path, more: str = "") -> None:
        allowed = '[policy]\nlink_identities = ["x"]\n'
        text = f'[store]\nurl = "day.db"\n{allowed}[briefing]\ntimezone = "UTC"\n{more}'
        (folder / "config.toml").write_text(text)
        self.now = day.MORNINGS["first"]
        clock: Callable[[], datetime] = lambda: self.now  # noqa: E731 a clock is a value here
        self.app = App(config.load(folder / "config.toml", {}, folder, folder), now=clock)
        self.tools = Tools(self.app.store, None, None, Key(), self.app.links, clock, lambda: 0.5)  # type: ignore[arg-type]
        for person in day.people():
            ties = tuple(Tie(account["platform"], account["native_id"]) for account in person["accounts"])
            circles = tuple(circle for circle in person["circles"] if circle != "me")
            self.app.store.save_person(Person(person["name"], circles, ties, "me" in person["circles"]), self.now)
        self.names = {
            (said.post.platform, said.post.native_id): said.id for which in day.MORNINGS for said in day.said(which)
        }

    def live(self, which: str) -> None:
        """Let a day go by, up to its morning."""
        self.now = day.MORNINGS[which]
        day.live(self.tools, which)

    def brief(self, minutes: float = 10.0, circle: str | None = None) -> Briefing:
        """Compose the briefing of the morning."""
        return self.app.brief(minutes, circle=circle)

    def name(self, post: int) -> str:
        """Give the name that the key has for a post."""
        found = self.app.store.post(post)
        assert found is not None
        return self.names[found.post.platform, found.post.native_id]

    def story_names(self) -> dict[str, str]:
        """Give each post of a story in the key the story's name."""
        return {
            post: story["name"]
            for which in day.MORNINGS
            for story in day.key()[which]["stories"]
            for post in story["posts"]
        }
