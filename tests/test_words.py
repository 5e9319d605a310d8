"""Every message has a text in every language, the values of one are those of the other, and nothing is left over."""

import ast
import string
from functools import cache
from pathlib import Path

import pytest
import specdid
from specdid._words import ENGLISH, LANGUAGES, catalogue, say, speaking

PACKAGE = Path(specdid.__file__).parent
OTHERS = [code for code in LANGUAGES if code != ENGLISH]


@cache
def messages() -> frozenset[str]:
    """Return what the program says: the first argument of every call of `say`, which is a text written out."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "later"):
                found |= set(texts(node.args[0], file))
    return frozenset(found)


def texts(node: ast.expr, file: Path):
    if isinstance(node, ast.IfExp):
        yield from (*texts(node.body, file), *texts(node.orelse, file))
    elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
        yield from ()  # marked by later() where it stands
    else:
        assert isinstance(node, ast.Constant), f"{file.name}:{node.lineno}: say() of a text that is put together"
        yield node.value


def names(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_the_catalogue_has_every_message_and_no_other(language):
    known = set(catalogue(language))
    assert not messages() - known, "these have no text"
    assert not known - messages(), "nothing says these"


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_has_the_values_of_its_english(language):
    for english, text in catalogue(language).items():
        assert names(text) == names(english), english
        assert text.strip(), english


def test_values_are_filled_in_after_the_translation():
    with speaking("zh"):
        assert say("an unknown text of {x}", x="{y}") == "an unknown text of {y}"
    assert say("{braces} without values") == "{braces} without values"
