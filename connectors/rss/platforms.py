"""Platforms on hosts of their own, as data.

Sources: the platforms' documentation and recorded feeds, read on 2026-11-23.
"""

from typing import Final

from connectors.rss.preset import Preset

_SE: Final = (
    r"(?:[\w-]+\.)*(?:stackexchange|stackoverflow|superuser|serverfault|askubuntu|stackapps)\.com|mathoverflow\.net"
)
_NOT_OWNER: Final = r"(?!(?:features|topics|orgs|sponsors|marketplace|search|settings|trending)/)"

PLATFORMS: Final = (
    Preset(
        "youtube",
        hosts=r"(?:www\.|m\.)?youtube\.com",
        pages=(
            (
                r"[^/]+/feeds/videos\.xml\?((?:channel_id|playlist_id|user)=[\w-]+).*",
                r"https://www.youtube.com/feeds/videos.xml?\1",
            ),
            (r"[^/]+/channel/(UC[\w-]{22})(?:[/?].*)?", r"https://www.youtube.com/feeds/videos.xml?channel_id=\1"),
            (
                r"[^/]+/(?:playlist|watch)\?(?:.*&)?list=([\w-]+).*",
                r"https://www.youtube.com/feeds/videos.xml?playlist_id=\1",
            ),
            (r"[^/]+/user/([\w-]+)(?:[/?].*)?", r"https://www.youtube.com/feeds/videos.xml?user=\1"),
            (
                r"[^/]+/(@[\w.-]+|c/[\w.%-]+)(?:[/?].*)?",
                r"https://www.youtube.com/\1",
            ),  # the page itself names the feed
        ),
        native_id=(("guid", r"yt:video:[\w-]{11}", r"\g<0>"),),
        account=(("author_url", r"https?://www\.youtube\.com/channel/(UC[\w-]{22})", r"\1"),),
        is_plain=True,
    ),
    Preset(
        "medium",
        hosts=r"(?:[\w-]+\.)?medium\.com",
        pages=(
            (r"[^/]+/feed(?:/.*)?", ""),
            (r"medium\.com/(@[\w.-]+|tag/[\w-]+)(?:[/?].*)?", r"https://medium.com/feed/\1"),
            (r"medium\.com/([\w-]+(?:/tagged/[\w-]+)?)/?(?:\?.*)?", r"https://medium.com/feed/\1"),
            (r"(?!www\.)([\w-]+)\.medium\.com(?:[/?].*)?", r"https://\1.medium.com/feed"),
        ),
        native_id=(("guid", r"https://medium\.com/p/([0-9a-f]+)", r"\1"),),
        account=(("feed", r"https://medium\.com/feed/(@[\w.-]+)", r"\1"),),
        handle=(("feed", r"https://medium\.com/feed/(@[\w.-]+)", r"\1"),),
    ),
    Preset(
        "substack",
        hosts=r"(?!www\.)[\w-]+\.substack\.com",
        pages=((r"([\w-]+\.substack\.com)(?:[/?].*)?", r"https://\1/feed"),),
        native_id=(("guid", r"https://{host}/p/[\w%.-]+", r"\g<0>"),),
        account=(("author", r".+", r"{name}/\g<0>"),),
    ),
    Preset(
        "lobsters",
        hosts=r"lobste\.rs",
        pages=(
            (r"[^/]+/(?:rss|newest\.rss|(?:t|domains|~[\w-]+|top).*(?:\.rss|/rss)(?:\?.*)?)", ""),
            (r"[^/]+/?", "https://lobste.rs/rss"),
            (r"[^/]+/newest/?", "https://lobste.rs/newest.rss"),
            (r"[^/]+/(t/[\w,+-]+|domains/[\w.-]+)/?", r"https://lobste.rs/\1.rss"),
            (r"[^/]+/(?:~|u/|@)([\w-]+)(?:/.*)?", r"https://lobste.rs/~\1/stories.rss"),
        ),
        native_id=(("guid", r"https://lobste\.rs/s/(\w+)(?:/.*)?", r"\1"),),
        url=(("comments", r"https://lobste\.rs/s/.+", r"\g<0>"), ("guid", r"https://lobste\.rs/s/.+", r"\g<0>")),
        account=(("author", r"[\w-]+", r"\g<0>"),),
        handle=(("author", r"[\w-]+", r"\g<0>"),),
        noise=r"\[?Comments\]?",
    ),
    Preset(
        "devto",
        hosts=r"dev\.to",
        pages=(
            (r"[^/]+/feed(?:/.*)?", ""),
            (r"[^/]+/t/(\w+)(?:[/?].*)?", r"https://dev.to/feed/tag/\1"),
            (r"[^/]+/(\w+)/?(?:\?.*)?", r"https://dev.to/feed/\1"),
        ),
        native_id=(("guid", r"https://dev\.to/[\w/-]+", r"\g<0>"),),
        account=(("link", r"https://dev\.to/(\w+)/.*", r"\1"),),
        handle=(("link", r"https://dev\.to/(\w+)/.*", r"\1"),),
    ),
    Preset(
        "github",
        hosts=r"github\.com",
        pages=(
            (r"[^/]+/.+\.atom(?:\?.*)?", ""),
            (r"[^/]+/([\w-]+/[\w.-]+)/(tags|commits/[\w./-]+|commits)/?(?:\?.*)?", r"https://github.com/\1/\2.atom"),
            (
                rf"[^/]+/{_NOT_OWNER}([\w-]+/[\w.-]+?)(?:\.git)?(?:/releases(?:/.*)?)?/?(?:\?.*)?",
                r"https://github.com/\1/releases.atom",
            ),
        ),
        native_id=(("guid", r"tag:github\.com,2008:.+", r"\g<0>"),),
        account=(("author", r"[\w-]+", r"\g<0>"),),
        handle=(("author", r"[\w-]+", r"\g<0>"),),
        community=(("link", r"https://github\.com/([\w.-]+/[\w.-]+)/.*", r"\1"),),
        own_links=r"https://avatars\d*\.githubusercontent\.com/.*",
    ),
    Preset(
        "google_alerts",
        hosts=r"www\.google\.[a-z.]+",
        pages=((r"[^/]+/alerts/feeds/\d+/\d+", ""),),
        native_id=(("guid", r"tag:google\.com,2013:googlealerts/feed:\d+", r"\g<0>"),),
        unwrap="url",
    ),
    Preset(
        "google_news",
        hosts=r"news\.google\.com",
        pages=(
            (r"[^/]+/rss(?:[/?].*)?", ""),
            (r"[^/]+/((?:search|topics|publications)[/?].*)", r"https://news.google.com/rss/\1"),
        ),
        native_id=(
            ("guid", r"[\w-]{20,}", r"\g<0>"),
            ("link", r"https://news\.google\.com/rss/articles/([\w-]+).*", r"\1"),
        ),
    ),
    Preset(
        "hackernews",
        hosts=r"news\.ycombinator\.com",
        pages=((r"[^/]+/rss", ""), (r"[^/]+/(?:news)?", "https://news.ycombinator.com/rss")),
        native_id=(("comments", r"https://news\.ycombinator\.com/item\?id=(\d+)", r"\1"),),
        url=(("comments", r"https://news\.ycombinator\.com/item\?id=\d+", r"\g<0>"),),
        noise=r"Comments",
        slot_s=2.0,
        thread=(("comments", r"https://news\.ycombinator\.com/item\?id=(\d+)", r"\1"),),
    ),
    Preset(
        "stackexchange",
        hosts=_SE,
        pages=(
            (r"[^/]+/feeds(?:[/?].*)?", ""),
            (r"(?:www\.)?([^/]+)/(?:questions/tagged|tags)/([\w.#%+-]+).*", r"https://\1/feeds/tag/\2"),
            (r"(?:www\.)?([^/]+)/questions/(\d+)(?:/.*)?", r"https://\1/feeds/question/\2"),
            (r"(?:www\.)?([^/]+)/(?:questions/?(?:\?.*)?)?", r"https://\1/feeds"),
        ),
        native_id=(("guid", r"https?://{host}/(?:q|a|questions)/(\d+)(?:/.*)?", r"{name}/\1"),),
        account=(("author_url", r"https?://{host}/users/(\d+)(?:/.*)?", r"{name}/\1"),),
        thread=(("guid", r"https?://{host}/(?:q|questions)/(\d+)(?:/.*)?", r"{name}/\1"),),
        community=(("feed", r".+", r"{name}"),),
        updates_are_edits=False,
    ),
    Preset(
        "bluesky",
        hosts=r"bsky\.app",
        pages=((r"[^/]+/profile/([\w.:-]+)(?:/(?:rss)?)?", r"https://bsky.app/profile/\1/rss"),),
        native_id=(("guid", r"at://did:[\w:.%-]+/app\.bsky\.feed\.post/\w+", r"\g<0>"),),
        account=(("guid", r"at://(did:[\w:.%-]+)/.*", r"\1"),),
        handle=(("link", r"https://bsky\.app/profile/([\w.-]+)/post/.*", r"\1"),),
        is_plain=True,
    ),
)
