"""Files of the user's own: nothing is fetched."""

from tests.cases import Case

NOT_HTTP = True
CASES: list[Case] = []
SPOILT: dict[str, Case] = {}
QUERIES = ("myspace:old-posts",)
