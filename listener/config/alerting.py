"""The sections about alerts: what holds for all of them, and rules that stand in the file."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from listener import quiet, rules
from listener.config.sections import LIST, STRICT, Line
from listener.errors import ListenerError
from listener.grouping import CAP_HOUR
from listener.rules import Kind, Priority, Rule
from listener.types import Label


def _quiet(text: str) -> str:
    quiet.parse(text)
    return text


Quiet = Annotated[str, Field(max_length=500), AfterValidator(_quiet)]


class AlertsSection(BaseModel):
    """What holds for all alerts; `listener rules` makes them, `listener channels` says where they go."""

    model_config = STRICT

    channel: Line | None = None
    """Where leads and questions that serve your goals go; without it, to your only channel, if there is just one."""
    quiet: Quiet = ""
    """When nothing is sent, such as `"22:00-07:00; sat-sun 00:00-24:00"`; what comes then waits for its end."""
    cap_hour: int = Field(default=CAP_HOUR, ge=1, le=1_000)
    """Most messages of one channel in an hour; what is over waits for a digest."""


class RuleEntry(BaseModel):
    """One rule, a saved search that can alert, beside those that are added by command."""

    model_config = STRICT

    name: Line
    """A short name for it."""
    query: str = Field(default="", max_length=8_000)
    """What it searches, such as `"backup OR restore -hiring"`; empty, every post."""
    channels: Annotated[tuple[Line, ...], LIST] = ()
    """Where its alerts go; without any, it is a view."""
    when: Literal["now", "hourly", "daily", "briefing"] = "now"
    """When they go out: `"now"`, `"hourly"`, `"daily"` or `"briefing"`."""
    cooldown_s: float = Field(default=0.0, ge=0, le=2_592_000)
    """Shortest time between two of its messages, in seconds."""
    cap_hour: int = Field(default=20, ge=1, le=1_000)
    """Most of its messages in an hour; what is over waits for a digest."""
    quiet: Quiet = ""
    """Its own quiet hours, beside those of everything."""
    through_quiet: bool = False
    """Its alerts come in quiet hours, too."""
    priority: Priority = "normal"
    """`"high"`: no cap and no cooldown holds them back."""
    language: Line | None = None
    """Only posts in this language, such as `"en"`."""
    assignee: Line | None = None
    """Who looks after what it finds."""
    labels: Annotated[tuple[Label, ...], LIST] = ()
    """Only posts with one of these labels: `"lead"`, `"question"`, `"news"`."""
    goals: Annotated[tuple[Line, ...], LIST] = ()
    """Only posts that serve one of these goals; `"*"`: any."""
    kind: Kind = "posts"
    """What it watches: `"posts"`, `"volume"` (more than usual) or `"silence"` (nothing for long)."""
    window_s: float = Field(default=86_400.0, ge=3_600, le=604_800)
    """Volume: how long one counts, in seconds."""
    factor: float = Field(default=3.0, ge=1.1, le=1_000)
    """Volume: so many times as much as usual…"""
    least: int = Field(default=5, ge=1)
    """…and at least so many posts."""
    days: float = Field(default=30.0, ge=1, le=3_650)
    """Silence: so many days without a post."""

    def rule(self) -> Rule:
        """Give it as the rest of the program knows it; ListenerError says what is wrong with it."""
        return rules.checked(Rule(**self.model_dump()))

    def problem(self) -> str | None:
        """Say what is wrong with it, its query too; None: nothing."""
        try:
            self.rule()
        except ListenerError as error:
            return str(error)
        return None
