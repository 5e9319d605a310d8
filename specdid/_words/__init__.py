"""The words of figures, tables, pages and screens in the language of the study, by two catalogues a language.

Code is written in English: ``say("{n} estimates", n=12)``. What ``say`` is given is the key of ``<language>.toml``,
so that it must be a text written out, never one put together (a test reads all calls). A word of a table of constants
is marked with ``later`` where it stands and said where it is used. Values are filled in after the translation. What a
spec file names (labels, titles, options) is the user's and is not translated.

What results keep (warnings, reasons of failures, estimands) is English in every language, so that files and caches
are the same; ``told`` gives it in the language that is written in where a reader sees it. ``<language>_kept.toml`` has
these texts with ``{name}`` for what varies (a number where the name is one letter), and ``‹a|b›`` for words of which
one stands there. A name that ends in ``list`` is of several, joined by commas and "and"; ``quoted``: each in marks;
``parts``: each with brackets behind. Nothing is decided by such a match. A text of ours that the file lacks is given in
English with a word that says so.

What only a plug-in says stands in its own file (`_plugins.Own`): these catalogues are what several say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

__all__ = [
    "ENGLISH", "LANGUAGES", "ask_too", "catalogue", "catalogue_texts", "kept", "known", "later", "page_words",
    "said_list", "say", "say_choice", "sentences", "speaking", "spoken", "told",
]  # fmt: skip

ENGLISH = "en"
LANGUAGES = (ENGLISH, "zh")
_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


def later(text: str) -> str:
    """Mark a text of a table of constants: it is said where it is used, by ``say(name)``."""
    return text


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Write in ``language`` inside the block; threads and processes begun in it must say so themselves.

    A language without a catalogue, as a stranger's file may name one, is English.
    """
    token = _spoken.set(language if language in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    """Return the language that is written in."""
    return _spoken.get()


def say(text: str, /, **values: object) -> str:
    """Return ``text`` in the language that is written in, with ``{name}`` replaced by the value of that name.

    Without values, braces stand for themselves.
    """
    found = text if _spoken.get() == ENGLISH else catalogue(_spoken.get()).get(text, text)
    if not values:
        return found
    return (found if _spoken.get() == ENGLISH else _close(found, values)).format_map(values)


_HAN = "[\u4e00-\u9fff]"
_OPEN = re.compile(rf"(?<={_HAN}) (?={{(\w+)}})|(?<={{)(\w+)(}}) (?={_HAN})")


def _close(text: str, values: Mapping[str, object]) -> str:
    """Take out the spaces between Chinese text and values that are Chinese: they are there for numbers and Latin."""

    def kept(found: re.Match[str]) -> str:
        before, after, brace = found.groups()
        value = str(values.get(before or after, ""))
        close = re.match(_HAN, value[:1] if before else value[-1:])
        return f"{after or ''}{brace or ''}" + ("" if close else " ")

    return _OPEN.sub(kept, text)


def sentences(parts: Iterable[str]) -> str:
    """Put sentences one after the other: with spaces, or without where the language has none."""
    return (" " if _spoken.get() == ENGLISH else "").join(parts)


def said_list(words: Iterable[str], last: str = later(" and ")) -> str:
    """Join words as the language does: ``a``, ``a and b``, ``a, b and c``."""
    *most, end = list(words) or [""]
    return say(", ").join(most) + say(last) + end if most else end


_CHOICES = {
    "outcome": later("outcome"),
    "treatment": later("treatment"),
    "controls": later("controls"),
    "fixed_effects": later("fixed effects"),
    "sample": later("sample"),
    "weights": later("weights"),
    "estimator": later("estimator"),
    "instruments": later("instruments"),
    "add": later("add"),
    "absorb": later("absorb"),
    "vcov": later("vcov"),
    "data": later("data"),
}
"""What options are of: the tables of a spec file. What a study names itself stays as it is."""


def say_choice(name: str, spaced: bool = True) -> str:
    """Return what a choice is of in words: ``fixed effects``; of choices that are tied each, joined by `` + ``.

    ``spaced``: names of the study's own have spaces for ``_``.
    """
    names = name.split(" + ")
    return " + ".join(say(_CHOICES[n]) if n in _CHOICES else n.replace("_", " ") if spaced else n for n in names)


_ENGLISH_WORDS = re.compile(r"[a-z]{3,}")


def told(text: str, ours: bool = False) -> str:
    """Return an English text of the results, in the language that is written in.

    Parameters
    ----------
    text : of a warning, a failure, an estimand; any other, as a label is, stays as it is.
    ours : whether the program wrote it for certain, so that a reader is told where there is no translation.
    """
    if _spoken.get() == ENGLISH or not text:
        return text
    found = _told(_spoken.get(), text)
    if found is not None:
        return found
    english = ours and len(_ENGLISH_WORDS.findall(text)) > 2
    return say("(no translation yet) {text}", text=text) if english else text


def known(text: str, language: str) -> bool:
    """Say whether there is a translation of a text of the results."""
    return _told(language, text) is not None


_NUMBER = r"[-−+]?[\d.,]+(?:e[-−+]?\d+)?%?"
"""What stands for a name of one letter."""


@lru_cache(maxsize=4096)
def _told(language: str, text: str) -> str | None:
    for pattern in _patterns(language):
        if pattern.core in text and (match := pattern.shape.fullmatch(text)):
            values = {name: _value(language, name, value) for name, value in match.groupdict().items()}
            return pattern.said.format_map(values)
    return _joined(language, text)


_AND = re.compile(r"(?<=[`\u4e00-\u9fff]) and (?=[`\u4e00-\u9fff])")


def _joined(language: str, text: str) -> str | None:
    """Tell a text behind the place it is of, ``place: text``, or two texts, ``one; other``."""
    for found in re.finditer("[:;] ", text):
        first, second = text[: found.start()], _told(language, text[found.end() :])
        beginning = _told(language, first)
        if second is not None:
            return f"{beginning or _AND.sub('、', first)}{'：' if found[0] == ': ' else '；'}{second}"
    return None


_BETWEEN = {
    "quoted": r"(?<=”), (?=“)|(?<=”) and ",
    "list": r", (?![^“]*”)| and (?![^“]*”)",
    "parts": r"(?<=\)), | and (?=\d|from|unchanged)",
}
"""What stands between several, by how their name ends."""


def _value(language: str, name: str, value: str) -> str:
    """Return what varies in a text, told where it is a text of the results, too."""
    between = _BETWEEN.get(next((end for end in _BETWEEN if name.endswith(end)), ""), "")
    parts = re.split(between, value) if between else [value]
    return "、".join(_told(language, part) or part for part in parts)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A text of the results: ``core`` is its longest part that never varies."""

    shape: re.Pattern[str]
    core: str
    said: str


@cache
def _patterns(language: str) -> tuple[_Pattern, ...]:
    """Return the texts of the results, those with most words of their own first."""
    found = []
    for english, text in kept(language).items():
        pieces = re.split(r"(\{\w+\}|‹[^›]*›)", english)
        shape = "".join(map(_shape, pieces))
        plain = [p.replace("{{", "{").replace("}}", "}") for p in pieces if p[:1] not in ("‹", "{") or p[:2] == "{{"]
        found.append((len("".join(plain)), _Pattern(re.compile(shape), max(plain, key=len), text)))
    return tuple(pattern for _, pattern in sorted(found, key=lambda item: -item[0]))


def _shape(piece: str) -> str:
    if piece.startswith("‹"):
        return f"(?:{'|'.join(map(re.escape, piece[1:-1].split('|')))})"
    if re.fullmatch(r"\{\w+\}", piece):
        name = piece[1:-1]
        return f"(?P<{name}>{_NUMBER if len(name) == 1 else '.+?'})"
    return re.escape(piece.replace("{{", "{").replace("}}", "}"))


def catalogue_texts() -> Iterable[str]:
    """Return all texts of the language that is written in, from which fonts are chosen; none in English."""
    language = _spoken.get()
    return () if language == ENGLISH else (*catalogue(language).values(), *kept(language).values())


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return the messages of a language, by their English."""
    return _with_others(language)


@cache
def kept(language: str) -> Mapping[str, str]:
    """Return the texts of the results in a language, by their English."""
    return _with_others(f"{language}_kept")


def page_words() -> Mapping[str, str]:
    """Return the texts of the report's page and its scripts in the language that is written in, by their English.

    In a text of a script {0}, {1}, … stand for its values.
    """
    return _page_words(_spoken.get())


@cache
def _page_words(language: str) -> Mapping[str, str]:
    return _read(f"{language}_page")


_others: list[Callable[[str], Mapping[str, str]]] = []


def ask_too(texts: Callable[[str], Mapping[str, str]]) -> None:
    """Have ``texts(name)`` asked for more texts of a catalogue, ``zh`` or ``zh_kept``; none of ours is replaced."""
    _others.append(texts)


def _with_others(name: str) -> Mapping[str, str]:
    ours = _read(name)
    more = [item for texts in _others for item in texts(name).items()]
    return {**ours, **{english: text for english, text in more if english not in ours}}


def _read(name: str) -> Mapping[str, str]:
    found: Mapping[str, str] = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text("utf-8"))
    return found
