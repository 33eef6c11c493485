"""Bluesky: feeds, searches, notifications. The stream is a WebSocket: see `tests/test_bluesky.py`."""

import json

from tests.cases import Case

SESSION = json.dumps(
    {"accessJwt": "invented-access", "refreshJwt": "invented-refresh", "handle": "me.example.org", "did": "did:plc:me"}
).encode()
LOGIN = {"/xrpc/com.atproto.server.createSession": SESSION}


def public(query: str, method: str, file: str, posts: int) -> Case:
    return Case("bluesky", query, {f"/xrpc/app.bsky.feed.{method}": f"bluesky/{file}"}, posts=posts)


def private(query: str, method: str, file: str, posts: int) -> Case:
    return Case("bluesky", query, {f"/xrpc/app.bsky.{method}": f"bluesky/{file}"}, LOGIN, posts=posts)


CUSTOM = "feed:at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.generator/bsky-team"
CASES = [
    # 50 posts, of which 7 were passed on by the feed's author: 7 rows more.
    public("author:chriskenny.bsky.social", "getAuthorFeed", "f_autfeed.json", 57),
    # 48 posts, 3 of them passed on.
    private("timeline", "feed.getTimeline", "f_timeline.json", 51),
    private(CUSTOM, "feed.getFeed", "f_feedfeed.json", 7),
    private("search:redistricting", "feed.searchPosts", "f_search.json", 25),
    # The same shape as a search: posts in a list.
    private("search:atproto", "feed.searchPosts", "f_getposts.json", 1),
    private("search:atproto", "feed.searchPosts", "f_getquotes.json", 2),
    private("notifications", "notification.listNotifications", "n_notifications.json", 20),
]
SPOILT = {
    "bluesky author": CASES[0],
    "bluesky search": CASES[3],
}
QUERIES = ("author:a.example.org", "timeline", "notifications", "search:x", "jetstream:x", CUSTOM)
SETTINGS = {"handle": "me.example.org", "app_password": "invented-pass-word"}
METHODS = {"GET", "POST"}
SENDS_SECRETS = True
NOT_READ = {
    "bluesky/jetstream_v1_*": "comes over a WebSocket; read by tests/test_bluesky.py",
    "bluesky/createSession_401.json": "an error answer to a login; read by tests/test_bluesky.py",
    "bluesky/search_unauthenticated_403.json": "an error answer; read by tests/test_bluesky.py",
    "bluesky/g_follows.json": "whom one follows, not a feed; read by tests/test_bluesky.py",
    "bluesky/sdk_get_follows.json": "whom one follows, not a feed; read by tests/test_bluesky.py",
    "bluesky/g_getlist.json": "the members of a list, not a feed; read by tests/test_bluesky.py",
    "bluesky/i_resolveh.json": "a handle's DID; read by tests/test_bluesky.py",
    "bluesky/twitwi_postviews.json": "a bare array of posts; read by tests/test_bluesky.py",
    "bluesky/twitwi_firehose_posts.json": "the binary firehose, decoded by somebody else's program",
    "bluesky/f_feedgen*.json": "what a custom feed is called",
    "bluesky/f_postlikes.json": "likes are no posts",
    "bluesky/f_postthread.json": "threads are not read",
    "bluesky/a_profile.json": "profiles are not read",
    "bluesky/n_nc.json": "a number of notifications",
    "bluesky/r_*.json": "single records of a repository, which we do not ask for",
    "bluesky/sdk_thread_view_post_with_embed_media.json": "threads are not read",
    "bluesky/sdk_post_record.json": "a single record, without its author",
    "bluesky/sdk_feed_record.json": "what a custom feed is called",
}
