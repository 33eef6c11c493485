"""Stack Exchange: questions; answers, comments and the inbox have cases of our own only."""

from tests.cases import Case


def asked(query: str, path: str, file: str, posts: int) -> Case:
    return Case("stackexchange", query, {f"/2.3/{path}": f"stackexchange/{file}"}, posts=posts)


CASES = [
    asked("stackoverflow.com/css", "questions", "questions_unanswered_2016.json", 30),
    asked("stackoverflow.com/pandas", "questions", "stackexchange_question.json", 1),
    # Whoever took the names out of these two gave both questions one id.
    asked("stackoverflow.com/pandas", "questions", "stackexchange_question_page.json", 1),
    asked("stackoverflow.com/pandas", "questions", "stackexchange_question_backoff_page.json", 1),
    asked("stackoverflow.com/search/asyncio", "search/advanced", "search_2026.json", 3),
]
SPOILT = {"stackexchange": CASES[0]}
QUERIES = ("stackoverflow.com/go", "stackoverflow.com/questions/7", "stackoverflow.com/users/5", "inbox")
