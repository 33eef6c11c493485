"""What others decide by: traits of the connector."""

from typing import Final

from listener.connector import Traits

_READ: Final = "read 2026-11-23"

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
    platforms=(
        "rss",
        "reddit",
        "youtube",
        "google_news",
        "google_alerts",
        "mastodon",
        "bluesky",
        "lemmy",
        "discourse",
        "github",
        "medium",
        "substack",
        "devto",
        "lobsters",
        "producthunt",
        "wordpress",
    ),
)
