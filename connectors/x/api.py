"""The client library, sent through the guarded client; it is loaded only where something is asked."""

from collections.abc import Mapping
from typing import Any

from connectors.x.settings import Settings
from listener.connector import Http
from listener.errors import BadPayload, NotAuthorised
from listener.types import Answer

OURS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")


class Api:
    """Calls of the second API. What comes is an answer, whatever its status; nothing waits, nothing is asked twice."""

    def __init__(self, settings: Settings, http: Http) -> None:
        self._settings = settings
        self._http = http
        self._seen: Answer | None = None

    # Any: the library's methods take lists, texts and numbers, and have no types.
    def call(self, method: str, *args: Any, as_me: bool = False, **params: Any) -> Answer:
        """Call a method of tweepy's client by its name: as the app, or as me where that is asked or no app is set."""
        import tweepy

        from listener.bridges import session

        user_auth = as_me or self._settings.bearer_token is None
        client = tweepy.Client(**credentials(self._settings, user_auth=user_auth), return_type=dict)
        client.session = session(self._http, self._settings.base_url)
        client.session.hooks["response"].append(self._saw)
        self._seen = None
        try:
            getattr(client, method)(*args, user_auth=user_auth, **params)
        except tweepy.HTTPException:
            pass  # its status says it all, and whoever asked reads that
        except (AttributeError, TypeError):
            # The library looks into the bodies of refusals as if they could hold nothing else than it expects.
            if self._seen is None or self._seen.status < 400:
                raise
        if self._seen is None:
            raise BadPayload("the client library sent nothing")
        return self._seen

    def _saw(self, response: Any, **_: Any) -> None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        self._seen = Answer(response.url, response.status_code, headers, response.content)


def credentials(settings: Settings, *, user_auth: bool) -> Mapping[str, str]:
    """Give the library's credentials; NotAuthorised naming the first that is missing."""
    names = OURS if user_auth else ("bearer_token",)
    found = {name: getattr(settings, name) for name in names}
    for name, value in found.items():
        if value is None:
            # One token is enough for most feeds, four keys for all.
            asked = "bearer_token" if not any(found.values()) and settings.bearer_token is None else name
            raise NotAuthorised(f'connectors.x.{asked} is not set; say "env:NAME" or "file:PATH" there')
    return {name: value.get_secret_value() for name, value in found.items()}
