"""Facebook: pages' posts and comments; exports are read in `tests/test_facebook.py`."""

from listener.errors import NotAuthorised
from tests.cases import Case

SETTINGS = {"token": "any-token"}
SENDS_SECRETS = True
PAGE, POST = "19292868552", "19292868552_10158407654328553"


def asked(query: str, path: str, file: str, posts: int | None, error: type | None = None) -> Case:
    return Case("facebook", query, {f"/v24.0/{path}": f"facebook/{file}.json"}, posts=posts, error=error)


CASES = [
    asked(f"{PAGE}/posts", f"{PAGE}/posts", "graph_feeds_default_fields_p1", 5),
    asked(f"{PAGE}/feed", f"{PAGE}/feed", "graph_feeds_default_fields_p2", 5),
    asked(f"{PAGE}/feed", f"{PAGE}/feed", "graph_feed_p1", 5),
    asked(f"post/{POST}", f"{POST}/comments", "graph_comments_p1", 10),
    asked(f"post/{POST}", f"{POST}/comments", "graph_comments_p2", 5),
    asked(f"{PAGE}/feed", f"{PAGE}/feed", "graph_error", None, NotAuthorised),
    asked(f"{PAGE}/tagged", f"{PAGE}/tagged", "graph_error_2", None, NotAuthorised),
]
SPOILT = {"facebook": CASES[0], "facebook comments": CASES[3]}
QUERIES = ("me/feed", "me/comments", "post/1_2")
NOT_READ = {
    "facebook/graph_single_post_data.json": "a post read again, see tests/test_facebook.py",
    "facebook/graph_single_default_page.json": "what a page says of itself is not read",
    "facebook/graph_search_pages.json": "pages are not searched for",
    "facebook/graph_cvs_info.json": "messages to a page are not read",
    "facebook/export_*.json": "files, no answers; tests/test_facebook.py reads them",
}
