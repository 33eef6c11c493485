"""Discourse: lists of topics, topics with their posts, every post, searches."""

import json

from listener.errors import RateLimited
from tests.cases import Case

DETAILS = r"/t/\d+\.json|/t/\d+/posts\.json"


def listed(query: str, path: str, file: str, posts: int, **recordings: str) -> Case:
    served = {path: f"discourse/{file}.json"} | {f"/t/{key[1:]}.json": file for key, file in recordings.items()}
    return Case("discourse", f"forum.example/{query}", served, also=DETAILS, posts=posts, again=True)


def latest(file: str, posts: int) -> Case:
    return listed("latest", "/latest.json", file, posts)


def found(number: int) -> bytes:
    return json.dumps({"posts": [{"id": number, "topic_id": 840, "post_number": 1}], "topics": [{"id": 840}]}).encode()


CASES = [
    listed(
        "latest", "/latest.json", "perceval_discourse_topics", 21, n1148="discourse/perceval_discourse_topic_1148.json"
    ),
    latest("perceval_discourse_topics_pinned", 22),
    latest("perceval_discourse_topics_last_posted_at_null", 21),
    latest("perceval_discourse_topics_empty", 0),
    # Whoever took the names out of this one gave all three topics one id.
    latest("gem_latest", 1),
    latest("docs_latest_topics", 3),
    listed("c/test/2", "/c/test/2/l/latest.json", "gem_category_latest_topics", 2),
    Case(
        "discourse",
        "forum.example/t/1148",
        {
            "/t/1148.json": "discourse/perceval_discourse_topic_1148.json",
            "/t/1148/posts.json": "discourse/perceval_discourse_posts.json",
        },
        posts=24,
        again=True,
    ),
    Case("discourse", "forum.example/t/57", {"/t/57.json": "discourse/gem_topic.json"}, also=DETAILS, posts=4),
    Case("discourse", "forum.example/posts", {"/posts.json": "discourse/gem_posts_latest.json"}, posts=4),
    Case(
        "discourse",
        "forum.example/posts",
        {"/posts.json": "discourse/gem_posts_before.json"},
        posts=3,
        cursor=json.dumps({"known": ["5"], "pending": ["15"], "token": "14", "pages": 1}),
    ),
    Case(
        "discourse",
        "forum.example/search/workloads",
        {"/posts/2500.json": "discourse/perceval_discourse_post.json"},
        made={"/search.json": found(2500)},
        posts=1,
    ),
    Case("discourse", "forum.example/posts", {"/posts.json": "discourse/error_429.json"}, error=RateLimited),
]
SPOILT = {"discourse topics": CASES[0], "discourse posts": CASES[9]}
QUERIES = ("forum.example/latest", "forum.example/posts", "forum.example/t/1", "forum.example/search/x")
NOT_READ = {
    "discourse/gem_categories.json": "categories, no posts",
    "discourse/gem_notifications.json": "needs a login, which we do not offer",
    "discourse/gem_search.json": "a search of 2014, which gave titles only; today's gives posts",
}
