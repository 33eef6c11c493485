"""Slack: a channel's messages, its threads, who is who. What fetch puts together is in `tests/test_slack.py` too."""

from listener.errors import ConnectorError
from tests.cases import Case

SETTINGS = {"token": "xoxb-any"}
SENDS_SECRETS = True
METHODS = {"POST"}
MADE = {"/api/auth.test": b'{"ok":true,"url":"https://acme.slack.com/","team":"Acme","team_id":"T0001"}'}


def channel(file: str, posts: int, error: type[ConnectorError] | None = None) -> Case:
    served = {
        "/api/conversations.history": f"slack/{file}.json",
        "/api/conversations.info": "slack/slack_info.json",
        **({"/api/users.info": "slack/slack_user_U0001.json"} if posts else {}),
    }
    return Case("slack", "C011DUKE8", served, MADE, posts=posts, error=error, again=True)


CASES = [
    channel("slack_history", 6),
    channel("slack_history_next", 2),
    channel("slack_history_empty", 0),
    channel("slack_error", 0, ConnectorError),
]
SPOILT = {"slack": CASES[0]}
QUERIES = ("C011DUKE8",)
NOT_READ = {
    "slack/slack_members1.json": "who is in a channel is not listed; who speaks is asked for",
    "slack/schema_*.json": "events that are sent to a server of yours; every value is blank",
}
