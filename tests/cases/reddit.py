"""Reddit: the interface with keys, and the feeds."""

import json

from tests.cases import Case

LOGIN = {"/api/v1/access_token": json.dumps({"access_token": "invented-access", "expires_in": 86_400}).encode()}


def asked(query: str, path: str, file: str, posts: int) -> Case:
    return Case("reddit", query, {path: f"reddit/{file}"}, LOGIN, posts=posts)


def fed(path: str, file: str, posts: int) -> Case:
    return Case("reddit", f"rss:{path}", {path: f"reddit/{file}"}, posts=posts)


CASES = [
    asked("r/askreddit", "/r/askreddit/new", "SubredditListings_new.json", 100),
    asked("r/askreddit/comments", "/r/askreddit/comments", "SubredditListings_comments.json", 100),
    asked("r/kakapo/comments", "/r/kakapo/comments", "SubredditStreams_comments__with_pause.json", 16),
    # What `before` a deleted comment brings: nothing, for ever. We never ask so.
    asked("r/kakapo/comments", "/r/kakapo/comments", "SubredditStreams_comments__with_pause__2.json", 0),
    asked("r/kakapo/comments", "/r/kakapo/comments", "SubredditStreams_comments__with_pause__3.json", 17),
    asked("search:praw oauth search", "/search", "Subreddit_search.json", 6),
    asked("r/all/search:youtube.com", "/r/all/search", "Reddit_info_url.json", 25),
    asked("mentions", "/message/mentions", "Inbox_mentions.json", 16),
    asked("inbox", "/message/inbox", "Inbox_comment_replies.json", 64),
    asked("u/spez", "/user/spez/overview", "RedditorListings_submissions__new.json", 100),
    asked("u/spez", "/user/spez/overview", "ListingGenerator_no_items.json", 0),
    asked("comments/2gmzqe", "/comments/2gmzqe", "Submission_comments.json", 3),
    asked("comments/2gmzqe", "/comments/2gmzqe", "Comment_parent__submission__2.json", 3),
    asked("comments/g9zfex", "/comments/g9zfex", "PollData_get_user_selection.json", 4),
    asked("comments/52o2fl", "/comments/52o2fl", "Comment_refresh__deleted_comment__2.json", 1),
    fed("/r/homelab/new/.rss", "rss_atom_mediarss_reddit_1.xml", 25),
    fed("/search.rss", "rss_rss_2.xml", 1),
    fed("/.rss", "rss_reddit-atom.xml", 24),
]
SPOILT = {
    "reddit listing": CASES[0],
    "reddit thread": CASES[11],
    "reddit feed": CASES[15],
}
QUERIES = ("r/ab", "inbox", "comments/abc", "rss:/r/ab/.rss")
SETTINGS = {"client_id": "invented-id", "client_secret": "invented-secret"}
METHODS = {"GET", "POST"}
SENDS_SECRETS = True
SALVAGES = True
NOT_READ = {
    "reddit/Comment_refresh__deleted_comment.json": "posts read again; by tests/test_reddit.py",
    "reddit/Comment_invalid.json": "posts read again; by tests/test_reddit.py",
    "reddit/Comment_parent__submission.json": "posts read again; by tests/test_reddit.py",
    "reddit/Submission_duplicates.json": "where else a link was posted is not asked",
    "reddit/Subreddits_search.json": "subreddits are not searched for",
}
