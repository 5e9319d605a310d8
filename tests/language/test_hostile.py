"""Nothing hostile gets past the language, whatever role it is given."""

import time

import pytest
from hostile import COLUMNS, HOSTILE
from pace import too_long
from specdid.language import LanguageError, Mistake, check, expand, parse, unknown_columns

ROLES = ("outcome", "terms", "effects", "condition", "value", "names", "formula")


def refusals(text: str, role: str) -> tuple[Mistake, ...]:
    """What stands against ``text`` before a single value is looked at."""
    try:
        node = parse(text)
        found = check(node, role) + unknown_columns(node, COLUMNS)
        return found or (expand(node, {}, COLUMNS, 1.0) and ())
    except LanguageError as error:
        return error.problems


@pytest.mark.parametrize("role", ROLES)
def test_refused_in_every_role_with_a_place(role):
    wrong = [(text[:60], why) for text in HOSTILE if (why := not_refused(text, role))]
    assert wrong == []


def not_refused(text: str, role: str) -> str:
    """What is wrong with how a text is refused, empty where nothing is."""
    started = time.process_time()
    try:
        found = refusals(text, role)
    except Exception as error:
        return repr(error)
    if not found:
        return "is not refused"
    for problem in found:
        if not 0 <= problem.span.start <= problem.span.stop <= len(text):
            return f"{problem.span} is no part of it"
        if not problem.message or "\n" in problem.message:
            return f"the message is {problem.message!r}"
    taken = time.process_time() - started
    return f"took {taken} s" if too_long(taken, 1) else ""


@pytest.mark.parametrize("role", ROLES)
def test_formula_of_hostile_parts(role):
    assert [text[:60] for text in HOSTILE if not refusals(f"y ~ x + ({text}) | city_id", role)] == []


def test_there_are_more_than_sixty():
    assert len(set(HOSTILE)) == len(HOSTILE) > 60
