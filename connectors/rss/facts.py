"""What others decide by: traits of the connector."""

from typing import Final

from listener.connector import Traits

TRAITS: Final = Traits(
    reads="any feed (RSS, Atom, RDF, JSON Feed), and by their pages: YouTube, Medium, Substack, Lobsters, dev.to, "
    "GitHub, Google Alerts and News, Discourse, Lemmy, Mastodon, Bluesky, Stack Exchange, Hacker News",
    limit="a feed's own ttl and max-age",
    examples=(
        "https://example.org/blog",
        "https://www.youtube.com/channel/UC…",
        "@name@mastodon.example",
        "#python@mastodon.example",
        "https://github.com/owner/repository",
        "https://bsky.app/profile/name.example",
    ),
    platforms=(
        "rss",
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
