"""Mastodon: timelines, accounts, searches, notifications, single posts and threads."""

import json

from listener.errors import ConnectorError, NotAuthorised
from tests.cases import Case

LOCAL = "localhost:3000"
SETTINGS = {"server": LOCAL, "token": "any-token"}
SENDS_SECRETS = True


def asked(query: str, path: str, file: str, posts: int, extra: dict | None = None) -> Case:
    cursor = json.dumps({"extra": extra}) if extra else None
    return Case("mastodon", query, {f"/api/{path}": f"mastodon/{file}.json"}, posts=posts, cursor=cursor)


def timeline(path: str, file: str, posts: int) -> Case:
    return asked(f"{LOCAL}/{path}", f"v1/timelines/{path}", file, posts)


def notified(file: str, posts: int) -> Case:
    return asked(f"{LOCAL}/notifications", "v1/notifications", file, posts)


def single(file: str, posts: int = 1) -> Case:
    return asked(f"{LOCAL}/post/1", "v1/statuses/1", file, posts)


def account(file: str, posts: int) -> Case:
    number = "109281650341067731"
    return asked(f"social.tchncs.de/account/{number}", f"v1/accounts/{number}/statuses", file, posts)


def looked_up(file: str, error: type[ConnectorError] | None = None) -> Case:
    served = {"/api/v1/accounts/lookup": f"mastodon/{file}.json"}
    return Case("mastodon", f"{LOCAL}/@mastodonpy_test", served, posts=0, error=error)


def context(server: str, number: str, file: str, posts: int) -> Case:
    extra = {"read": True, "uri": f"https://{server}/users/a/statuses/{number}"}
    return asked(f"{server}/post/{number}", f"v1/statuses/{number}/context", file, posts, extra)


CASES = [
    timeline("home", "test_home_tl__2", 13),
    timeline("home", "rtoot_get_timeline_home_default", 8),
    timeline("home", "test_min_max_id__2", 1),
    timeline("home", "test_min_max_id__3", 0),
    timeline("home", "test_min_max_id__4", 0),
    timeline("home", "test_min_max_id__5", 1),
    timeline("public", "test_public_tl_anonymous__3", 8),
    timeline("public", "rtoot_get_timeline_public_anonymous", 20),
    timeline("list/6", "test_list_timeline__6", 7),
    timeline("list/2507", "rtoot_get_timeline_list_default", 10),
    timeline("tag/hoot", "test_hashtag_tl__3", 1),
    timeline("tag/ichbinhanna", "rtoot_get_timeline_hashtag_anonymous", 5),
    account("rtoot_get_account_statuses_limit", 23),
    account("rtoot_get_account_statuses_limit__2", 21),
    account("rtoot_get_account_statuses_limit__3", 3),
    looked_up("test_account_lookup__3"),
    looked_up("test_account_lookup__4"),
    looked_up("test_account_lookup__2", ConnectorError),
    asked(f"{LOCAL}/search/mastodonpy_test", "v2/search", "test_search", 0),
    asked(f"{LOCAL}/search/mastodonpy_test", "v2/search", "test_search__2", 0),
    asked(f"{LOCAL}/search/mastodonpy_test", "v2/search", "test_search__3", 0),
    asked(f"{LOCAL}/search/halcy", "v2/search", "live_searchv2", 2),
    notified("test_notifications__2", 1),
    notified("test_notifications__3", 1),
    notified("test_notifications__5", 1),
    notified("test_notifications_mentions_only__2", 1),
    notified("test_notifications_mentions_only__3", 1),
    notified("test_grouped_notifications__4", 1),
    notified("test_grouped_notifications__5", 1),
    notified("test_grouped_notifications__8", 0),
    context("mastodon.social", "110446983926957470", "live_context", 2),
    context("social.tchncs.de", "109303266941599451", "rtoot_get_context_with_token", 6),
    *(single(f"live_{name}") for name in ("status", "status__2", "previewcard", "poll")),
    single("live_quote", 2),
    single("rtoot_get_status_anonymous"),
    single("test_status_edit__4"),
    single("test_status_card__2"),
    # What a server says to somebody who has just written is a post in the same shape.
    *(single(f"test_{name}") for name in ("hashtag_tl", "public_tl_anonymous", "home_tl", "notifications")),
    *(single(f"test_{name}") for name in ("notifications_mentions_only", "grouped_notifications", "min_max_id")),
    *(single(f"test_{name}") for name in ("grouped_notifications__2", "grouped_notifications__3")),
    *(single(f"test_{name}") for name in ("list_timeline__5", "status_edit", "status_edit__3", "polls")),
    *(single(f"test_{name}") for name in ("status_reply", "status_reply__3", "status_post_with_quote")),
    single("test_status_post_with_quote__2", 2),
    *(single(f"test_{name}") for name in ("status_card", "status_reblog_unreblog", "status_reblog_unreblog__3")),
    single("test_status_reblog_unreblog__2", 2),
    Case(
        "mastodon",
        f"{LOCAL}/home",
        {"/api/v1/timelines/home": "mastodon/test_home_tl_anonymous_throws.json"},
        error=NotAuthorised,
    ),
    Case(
        "mastodon",
        f"{LOCAL}/post/1",
        {"/api/v1/statuses/1": "mastodon/test_status_missing.json"},
        error=ConnectorError,
    ),
]
SPOILT = {
    "mastodon": CASES[0],
    "mastodon account": account("rtoot_get_account_statuses_limit", 23),
    "mastodon search": asked(f"{LOCAL}/search/halcy", "v2/search", "live_searchv2", 2),
}
QUERIES = (f"{LOCAL}/home", f"{LOCAL}/search/x", "mastodon.example/@a", f"{LOCAL}/post/1", f"{LOCAL}/notifications")
DELETED = "the answer to a deletion by its author; we never write"
NOT_READ = {
    "mastodon/test_hashtag_tl__[24].json": DELETED + ", nor need the server's version",
    "mastodon/test_public_tl_anonymous__[24].json": DELETED + ", nor need the server's version",
    "mastodon/test_home_tl__3.json": DELETED,
    "mastodon/test_notifications__[46].json": DELETED + ", nor count what is unread",
    "mastodon/test_notifications_mentions_only__4.json": DELETED,
    "mastodon/test_grouped_notifications__[679].json": DELETED + ", nor list who liked a post",
    "mastodon/test_list_timeline.json": "the answer to making a list; we never write",
    "mastodon/test_list_timeline__[234789].json": DELETED + "; the account is read in tests/test_mastodon.py",
    "mastodon/test_min_max_id__6.json": DELETED,
    "mastodon/test_status_edit__[256].json": "versions and sources of an edited post carry no id; we read the newest",
    "mastodon/live_statusedit*.json": "versions of an edited post carry no id; we read the newest",
    "mastodon/test_status_reply__[245].json": DELETED,
    "mastodon/test_polls__*.json": DELETED + ", nor vote; a post brings its poll with it",
    "mastodon/rtoot_get_poll_anonymous.json": "a post brings its poll with it",
    "mastodon/test_status_post_with_quote__[34].json": DELETED,
    "mastodon/test_status_card__3.json": DELETED,
    "mastodon/test_status_reblog_unreblog__4.json": DELETED,
    "mastodon/test_lang_for_errors*.json": "answers to posting nothing; we never write",
    "mastodon/test_account_lookup.json": "the user's own account; follows() reads it, see tests/test_mastodon.py",
    "mastodon/test_verify_credentials*.json": "the user's own account; follows() reads it, see tests/test_mastodon.py",
    "mastodon/test_followed_hashtags*.json": "tags, no posts",
    "mastodon/live_tag.json": "tags, no posts",
    "mastodon/live_trendinglinkhistory.json": "links, no posts",
    "mastodon/rtoot_get_instance_trends_default.json": "tags, no posts",
    "mastodon/test_nodeinfo*.json": "what a server is does not matter to us",
    "mastodon/test_instance.json": "only the address of the streams is read of it, see tests/test_mastodon.py",
}
