"""What the verbs answer with, where a value of the core does not say it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from listener.connector import Traits
from listener.policy import Policy
from listener.types import Feed, Post


@dataclass(frozen=True, slots=True)
class Checked:
    """A feed that was read once, and what is in it."""

    feed: Feed
    title: str | None
    posts: tuple[Post, ...]
    """Newest first."""


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """What `listener connectors` says of one."""

    name: str
    traits: Traits
    missing: str | None
    """Which setting a poll would miss; None: ready."""
    policies: Mapping[str, Policy]

    @property
    def state(self) -> str:
        """Say in a word whether it can be used."""
        return "ready" if self.missing is None else "needs you"

    @property
    def costs(self) -> str:
        """Say what it costs."""
        unit = self.traits.currency
        prices = [f"{price:g} {unit} a {what}" for what, price in (self.traits.prices or {}).items()]
        return ", ".join(prices) or "nothing"

    def as_json(self) -> dict[str, object]:
        """Make the JSON object."""
        traits = self.traits
        return {
            "name": self.name,
            "state": self.state,
            "missing": self.missing,
            "reads": traits.reads,
            "needs": traits.needs,
            "credentials": list(traits.credentials),
            "costs": dict(traits.prices or {}),
            "currency": traits.currency,
            "limits": traits.limit,
            "interval_s": traits.interval_s,
            "examples": list(traits.examples),
            "policy": {platform: asdict(row) for platform, row in self.policies.items()},
        }


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of importing whom the user follows on one platform."""

    accounts: int
    new: int
    feeds: int
