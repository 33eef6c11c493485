"""GitHub: lists that are asked for from a time on, discussions by GraphQL, notifications."""

from tests.cases import Case

REPO = "PyGithub/PyGithub"


def rest(query: str, path: str, file: str, posts: int) -> Case:
    return Case("github", query, {path: f"github/{file}"}, posts=posts)


def discussed(file: str, posts: int) -> Case:
    return rest(f"{REPO}/discussions", "/graphql", file, posts)


ISSUES = f"/repos/{REPO}/issues"
CASES = [
    rest(REPO, ISSUES, "Repository_testGetIssues.json", 16),
    rest(f"{REPO}/comments", f"{ISSUES}/comments", "Repository_testGetIssuesComments.json", 30),
    rest(f"{REPO}/comments", f"{ISSUES}/comments", "Repository_testGetIssuesComments__2.json", 30),
    rest(f"{REPO}/issues/28", f"{ISSUES}/28/comments", "Issue_testGetComments.json", 2),
    rest(f"{REPO}/issues/28", f"{ISSUES}/28/comments", "Issue_testGetCommentsSince.json", 2),
    rest("search:compile language:C++", "/search/issues", "Search_testSearchIssues.json", 30),
    rest("notifications", "/notifications", "Notification_setUp.json", 1),
    # Whoever shortened it left no addresses.
    rest("notifications", "/notifications", "AuthenticatedUser_testGetNotifications.json", 1),
    discussed("Repository_testGetDiscussions__2.json", 30),
    discussed("Repository_testGetDiscussions__3.json", 30),
    discussed("Repository_testGetDiscussions__4.json", 5),
    # The first page of a feed of releases asks what the repository's number is.
    rest(f"{REPO}/releases", f"/repos/{REPO}", "Repository_testGetDiscussions.json", 0),
    rest(f"{REPO}/releases", f"/repos/{REPO}", "IssueComment_setUp.json", 0),
]
SPOILT = {
    "github issues": CASES[0],
    "github search": CASES[5],
    "github notifications": CASES[6],
    "github discussions": CASES[8],
}
QUERIES = ("a/b", "a/b/comments", "a/b/issues/1", "a/b/releases", "a/b/discussions", "search:x", "notifications")
SETTINGS = {"token": "invented-token"}
METHODS = {"GET", "POST"}
SENDS_SECRETS = True
NOT_READ = {
    "github/RepositoryDiscussion_*.json": "single discussions by their id; lists bring them with their comments",
    "github/IssueComment_setUp__[23].json": "a single issue or comment; lists bring them",
    "github/RateLimiting_*.json": "the limits stand in every answer's headers",
    "github/perceval_rate_limit.json": "the limits stand in every answer's headers",
    "github/perceval_abuse_rate_limit.json": "an error answer; read by tests/test_github.py",
    "github/Exceptions_*": "profiles and error answers; the latter read by tests/test_github.py",
    "github/Search_testSearchCode*.json": "code is not searched",
    "github/perceval_github_issue_2_reactions.json": "reactions are counted, not listed",
}
