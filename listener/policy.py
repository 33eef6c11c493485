"""What each platform's terms let us do, and the one place that says yes or no: pure.

The rows stand in `connectors/policy.toml`, dead platforms too; the user may switch two of them on after reading why.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from listener.errors import ConfigError
from listener.types import Account, Post

SHARED: Final = frozenset({None, "public", "unlisted"})
"""Visibilities that may leave this machine."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One platform's row; the default is what holds where a platform's terms forbid nothing."""

    store_text: bool = True
    keep_days: int | None = None
    """None: until told otherwise."""
    link_identities: bool = True
    lead_profiles: bool = True
    redistribute: bool = True
    train: bool = True
    """May its posts teach the classifier?"""
    attribution: str | None = None
    """What must stand beside every rendering; None: nothing."""
    note: str = ""
    """In a sentence, with its source and date."""
    retired: str | None = None
    """Since when and why the platform is no more; None: it lives."""


@dataclass(frozen=True, slots=True)
class Policies:
    """All rows, with the user's own switches applied."""

    rows: Mapping[str, Policy] = field(default_factory=dict)

    def of(self, platform: str) -> Policy:
        """Give a platform's row; one that is not in the table has the default's."""
        return self.rows.get(platform, Policy())

    def retired(self, platform: str) -> str | None:
        """Say why a platform is no longer polled; None: it lives."""
        return self.of(platform).retired

    def kept(self, post: Post) -> Post:
        """Give a post as it may be stored."""
        if self.of(post.platform).store_text:
            return post
        return replace(post, title=None, text="", warning=None)

    def may_leave(self, post: Post) -> bool:
        """Tell whether a post may reach a feed out, an export or somebody else."""
        return self.of(post.platform).redistribute and is_shared(post)

    def may_train(self, post: Post) -> bool:
        """Tell whether a post may teach a classifier that others get."""
        return self.of(post.platform).train and is_shared(post)

    def may_link(self, account: Account) -> bool:
        """Tell whether an account may be tied to accounts elsewhere."""
        return self.of(account.platform).link_identities and not account.opted_out

    def may_profile(self, account: Account) -> bool:
        """Tell whether a record of this person as a lead may be kept."""
        return self.of(account.platform).lead_profiles and not account.opted_out


def is_shared(post: Post) -> bool:
    """Tell a post that its author shows to everybody, and lets others show: neither private nor opted out."""
    return post.visibility in SHARED and not (post.account is not None and post.account.opted_out)


def policies(
    table: Mapping[str, Mapping[str, Any]],
    *,
    lead_profiles: Collection[str] = (),
    link_identities: Collection[str] = (),
) -> Policies:
    """Read the table's rows, each with the columns of `Policy`; the user has switched things on for some platforms."""
    rows = {platform: Policy(**row) for platform, row in table.items()}
    for key, named in (("lead_profiles", lead_profiles), ("link_identities", link_identities)):
        if unknown := sorted(set(named) - rows.keys()):
            raise ConfigError(f"policy.{key}: no platform is called {', '.join(unknown)}; `listener policy` lists them")
    for platform in lead_profiles:
        rows[platform] = replace(rows[platform], lead_profiles=True)
    for platform in link_identities:
        rows[platform] = replace(rows[platform], link_identities=True)
    return Policies(rows)
