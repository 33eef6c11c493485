"""What others decide by: traits of the connector, and what each platform behind a preset allows."""

from typing import Final

from listener.connector import Policy, Traits

_READ: Final = "read 2026-11-23"

POLICIES: Final = {
    "rss": Policy(note="A feed is published to be read; whoever republishes it asks its author."),
    "reddit": Policy(
        link_identities=False,
        lead_profiles=False,
        redistribute=False,
        note="Matching people with identities elsewhere and unasked messages are forbidden; commercial use needs a "
        f"contract (Responsible Builder Policy, {_READ}).",
    ),
    "youtube": Policy(note=f"The feeds need no key; the terms of the Data API do not cover them ({_READ})."),
    "google_news": Policy(
        redistribute=False,
        note=f"For a personal, non-commercial feed reader only (the feed's own copyright line, {_READ}).",
    ),
    "google_alerts": Policy(redistribute=False, note=f"A private feed of the user's own alert ({_READ})."),
    "mastodon": Policy(note=f"Authors who say #nobot or noindex are left out; rules differ by server ({_READ})."),
    "bluesky": Policy(note=f"Authors may ask to be shown to members only; such profiles have no feed ({_READ})."),
    "lemmy": Policy(note=f"Rules differ by server ({_READ})."),
    "discourse": Policy(note=f"Rules differ by forum ({_READ})."),
    "github": Policy(note=f"Public activity only ({_READ})."),
    "medium": Policy(note=f"Members' stories come shortened ({_READ})."),
    "substack": Policy(note=f"Paid posts come shortened ({_READ})."),
    "devto": Policy(note=f"Copyright stays with the author ({_READ})."),
    "lobsters": Policy(note=f"Stories are links; copyright stays with their authors ({_READ})."),
}
"""Hacker News and Stack Exchange have connectors, and rows, of their own."""

TRAITS: Final = Traits(
    reads="any feed (RSS, Atom, RDF, JSON Feed), and by their pages: YouTube, Medium, Substack, Lobsters, dev.to, "
    "GitHub, Google Alerts and News, Discourse, Lemmy, Mastodon, Bluesky, Reddit, Stack Exchange, Hacker News",
    limit="a feed's own ttl and max-age; Reddit without a login about one feed a minute in all, so 70 s apart "
    f"(reported since June 2026, {_READ})",
    examples=(
        "https://example.org/blog",
        "https://www.youtube.com/channel/UC…",
        "r/selfhosted+python",
        "@name@mastodon.example",
        "#python@mastodon.example",
        "https://github.com/owner/repository",
        "https://bsky.app/profile/name.example",
    ),
    policies=POLICIES,
)
