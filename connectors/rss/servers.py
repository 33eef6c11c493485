"""Platforms on servers that anybody may run, as data: a server can speak for itself only, and ids hold its name.

Sources: the servers' own code (Lemmy `feeds.rs`, Discourse `list.rss.erb`, Mastodon `rss/`), read on 2026-11-23.
"""

from typing import Final

from connectors.rss.preset import Preset

_FORUM: Final = r"(?:[\w.-]*\bdiscourse\b[\w.-]*|(?:forums?|community|discuss|meta|talk|users)\.[\w.-]+)(?::\d+)?"
_ANY: Final = r"[\w.-]+(?::\d+)?"
_NOT_FEDIVERSE: Final = r"(?!(?:www\.)?(?:threads|tiktok|substack|flipboard|instagram|pinterest|hashnode)\.)"

SERVERS: Final = (
    Preset(
        "lemmy",
        pages=(
            (rf"({_ANY}/feeds/(?:c|u)/[\w@.-]+\.xml(?:\?.*)?|{_ANY}/feeds/(?:all|local)\.xml(?:\?.*)?)", r"https://\1"),
            (rf"({_ANY})/(c|u)/(\w+(?:@[\w.-]+)?)/?(?:\?.*)?", r"https://\1/feeds/\2/\3.xml?sort=New"),
        ),
        native_id=(("guid", r"https://{host}/(?:post|comment)/\d+", r"\g<0>"),),
        url=(("guid", r"https://{host}/(?:post|comment)/\d+", r"\g<0>"),),
        account=(("author", r"https://{host}/u/\w+", r"\g<0>"),),
        handle=(("author", r"https://([\w.:-]+)/u/(\w+)", r"@\2@\1"),),
        community=(
            ("feed", r"https://{host}/feeds/c/(\w+)\.xml.*", r"!\1@{name}"),
            ("feed", r"https://{host}/feeds/c/(\w+@[\w.-]+)\.xml.*", r"!\1"),
        ),
        preamble=r"submitted by \S+ to \S+\s+-?\d+ points \| \d+ comments(?:\s+https?://\S+)?\s*",
        own_links=r"https://{host}/(?:c|u|post|comment)/[\w@.]+",
    ),
    Preset(
        "discourse",
        pages=(
            (rf"({_FORUM})/?", r"https://\1/latest.rss"),
            (rf"({_FORUM}/(?:latest|posts|top|new|tag/[\w%-]+))/?(?:\?.*)?", r"https://\1.rss"),
            (rf"({_ANY}/(?:latest|posts)\.rss|{_ANY}/(?:c/[\w/-]+/\d+|t/[\w-]+/\d+|tag/[\w%-]+)\.rss)", r"https://\1"),
            (rf"({_ANY}/c/(?:[\w-]+/)+\d+)(?:/.*)?(?:\?.*)?", r"https://\1.rss"),
            (rf"({_ANY}/t/[\w-]+/\d+)(?:/\d+)?/?(?:\?.*)?", r"https://\1.rss"),
        ),
        native_id=(
            ("guid", r"{host}-(topic|post)-([\d-]+)", r"{name}/\1-\2"),
            ("guid", r"https?://{host}/t/[\w-]+/(\d+)", r"{name}/topic-\1"),
        ),
        account=(("author", r"@?([\w.-]+)(?: .*)?", r"{name}/\1"),),
        handle=(("author", r"@?([\w.-]+)(?: .*)?", r"\1"),),
        replies=r".+/post-\d+-(?!1$)\d+",
        thread=(("guid", r"{host}-post-(\d+)-\d+", r"{name}/topic-\1"),),
    ),
    Preset(
        "mastodon",
        pages=(
            (rf"{_NOT_FEDIVERSE}({_ANY}/(?:@\w+|users/\w+|tags/\w+)\.rss)", r"https://\1"),
            (rf"{_NOT_FEDIVERSE}{_ANY}/@(\w+)@({_ANY})(?:/.*)?", r"https://\2/@\1.rss"),
            (rf"{_NOT_FEDIVERSE}({_ANY})/(?:@|users/)(\w+)(?:/with_replies|/media)?/?(?:\?.*)?", r"https://\1/@\2.rss"),
            (rf"{_NOT_FEDIVERSE}({_ANY})/tags/(\w+)/?(?:\?.*)?", r"https://\1/tags/\2.rss"),
        ),
        native_id=(("link", r"https://{host}/@(\w+)/(\d+)", r"https://{name}/users/\1/statuses/\2"),),
        account=(("link", r"https://{host}/@(\w+)/\d+", r"https://{name}/users/\1"),),
        handle=(("link", r"https://([\w.:-]+)/@(\w+)/\d+", r"@\2@\1"),),
        own_links=r"https://[\w.:-]+/(?:tags/[^/]+|@\w+(?:@[\w.-]+)?)",
        mention=(r"https://([\w.:-]+)/@(\w+)", r"@\2@\1"),
    ),
)
