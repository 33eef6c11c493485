"""Lemmy: lists of posts and comments, users, searches."""

from tests.cases import Case

LISTED = Case("lemmy", "lemmy.world/all", {"/api/v3/post/list": "lemmy/rest_v3_post_list_TRIMMED.json"}, posts=1)
CASES = [LISTED]
SPOILT = {"lemmy": LISTED}
QUERIES = ("lemmy.world/all", "lemmy.world/search/x", "lemmy.world/c/a/comments")
NOT_READ = {
    "lemmy/activitypub_*.json": "objects that servers send one another; we ask an instance's own interface",
}
