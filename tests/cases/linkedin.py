"""LinkedIn: pages' posts and comments; the export is read in `tests/test_linkedin.py`."""

import json

from listener.errors import ConnectorError
from tests.cases import Case

SETTINGS = {"token": "any-token"}
SENDS_SECRETS = True
POST = {
    "id": "urn:li:share:7100000000000000001",
    "author": "urn:li:organization:1234567",
    "commentary": "We are open",
    "visibility": "PUBLIC",
    "lifecycleState": "PUBLISHED",
    "publishedAt": 1788335000000,
    "lastModifiedAt": 1788335000000,
}
LISTED = json.dumps({"elements": [POST], "paging": {"start": 0, "count": 50, "links": []}}).encode()
CASES = [
    Case(
        "linkedin",
        "company/1234567",
        {"/rest/posts": "linkedin/error_426_nonexistent_version.json"},
        error=ConnectorError,
    ),
]
SPOILT = {"linkedin": Case("linkedin", "company/1234567", {}, {"/rest/posts": LISTED}, posts=1)}
QUERIES = ("company/1234567", "company/1234567/comments", "company/name", "post/urn:li:share:7100000000000000001")
NOT_READ = {"linkedin/export_Connections_SYNTHETIC.csv": "a file, no answer; tests/test_linkedin.py reads it"}
