"""Nothing hostile gets past the language, whatever role it is given."""

import time

import pytest
from hostile import COLUMNS, HOSTILE
from specdid.language import LanguageError, Problem, check, expand, parse, unknown_columns

ROLES = ("outcome", "terms", "effects", "condition", "value", "names", "formula")


def refusals(text: str, role: str) -> tuple[Problem, ...]:
    """What stands against ``text`` before a single value is looked at."""
    try:
        node = parse(text)
        found = check(node, role) + unknown_columns(node, COLUMNS)
        return found or (expand(node, {}, COLUMNS, 1.0) and ())
    except LanguageError as error:
        return error.problems


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_refused_in_every_role_with_a_place(text, role):
    started = time.process_time()
    found = refusals(text, role)
    assert found
    for problem in found:
        assert 0 <= problem.span.start <= problem.span.stop <= len(text)
        assert problem.message
        assert "\n" not in problem.message
    assert time.process_time() - started < 1


@pytest.mark.parametrize("role", ROLES)
def test_formula_of_hostile_parts(role):
    for text in HOSTILE:
        assert refusals(f"y ~ x + ({text}) | city_id", role)


def test_there_are_more_than_sixty():
    assert len(set(HOSTILE)) == len(HOSTILE) > 60
