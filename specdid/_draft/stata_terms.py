"""Stata's lists of variables: factor notation, operators of time series, groups in brackets and wildcards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

from specdid._draft.regression import Facts, NotReadError, like_time, unique
from specdid.language import write_name

_SERIES = r"[LFDSlfds](?:\d+|\(\d+[/-]?\d*\))?"
_KIND = r"co?|i?b?n?|i?b?\d+(?:bn|b|o)?|i?bn|ib\(\w+\)|i?o\d*|i\([\d/ ]+\)"
_PIECE = re.compile(
    rf"(?:(?P<kind>{_KIND})?(?:\.(?={_SERIES}\.))?(?P<series>(?:{_SERIES})*)\.)?(?P<name>[^\W\d]\w*|[\w*?~]+)"
)


def words(text: str) -> list[str]:
    """Split a list at blanks outside brackets; ``#`` takes what stands beside it."""
    text = re.sub(r"\s*(##?)\s*", r"\1", text)
    text = re.sub(r"\b(i\.\w+)[*|](i\.\w+)", r"\1##\2", text)  # of xi
    text = re.sub(r"\b(i\.\w+)\*([A-Za-z_]\w*)", r"\1##c.\2", text)
    text = re.sub(r"\b(i\.\w+)\|([A-Za-z_]\w*)", r"\2 \1#c.\2", text)
    found, depth, word = list[str](), 0, ""
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter.isspace() and not depth:
            found.append(word)
            word = ""
        else:
            word += letter
    return [one for one in [*found, word] if one]


def columns_of_word(word: str, facts: Facts) -> list[str]:
    """Return the columns that a wildcard or a range stands for; itself where there are no data to match it with."""
    if re.search(r"[*?~]", word):
        pattern = re.compile(re.sub(r"[*~]", r"\\w*", word.replace("?", r"\w")))
        return [name for name in facts.columns if pattern.fullmatch(name)] or [word]
    ends = re.fullmatch(r"([^\W\d]\w*)-([^\W\d]\w*)", word)
    if ends and ends[1] in facts.columns and ends[2] in facts.columns:
        first, last = (facts.columns.index(end) for end in ends.groups())
        return list(facts.columns[first : last + 1])
    numbered = re.fullmatch(r"([^\W\d]\w*?)(\d+)-\1(\d+)", word)
    if numbered and int(numbered[2]) < int(numbered[3]) < int(numbered[2]) + 200:
        return [f"{numbered[1]}{k}" for k in range(int(numbered[2]), int(numbered[3]) + 1)]
    return [word]


def lagged(operators: str, name: str) -> str | None:
    """Write ``L2.x`` as ``l(x, 2)``; None for what has no translation.

    Stata brings several into one order and adds them up ([U] 11.4.4): LL is L2, which asks for no row between, FL is x,
    D2 the difference of the difference and S12 that to 12 periods before.
    """
    found = write_name(name)
    if several := re.fullmatch(r"([LFlf])\((\d+)[/-](\d+)\)", operators):
        return f"{several[1].lower()}({found}, {several[2]}:{several[3]})"
    if not re.fullmatch(r"(?:[LFDSlfds]\d*)+", operators):
        return None
    steps = [(letter.lower(), int(k or 1)) for letter, k in re.findall(r"([LFDSlfds])(\d*)", operators)]
    lags = sum(k if kind == "l" else -k for kind, k in steps if kind in "lf")
    differences = sum(k for kind, k in steps if kind == "d")
    if max(k for _, k in steps) > 100 or differences > 4:
        return None
    for kind, k in steps:
        found = f"d({found}, {k})" if kind == "s" and k else found
    for _ in range(differences):
        found = f"d({found}, 1)"
    return f"{'l' if lags > 0 else 'f'}({found}, {abs(lags)})" if lags else found


@dataclass(slots=True)
class Terms:
    """What a list of variables becomes: terms, and the levels among them, which are fixed effects here."""

    terms: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One variable of a product: its ``kind`` is "" of numbers, "i" of levels, or the one level."""

    kind: str
    written: str
    name: str


class VariableList:
    """Translates lists; ``levels`` are columns that are no 0/1 columns: unit, time and what is absorbed."""

    def __init__(self, facts: Facts, levels: Iterable[str]) -> None:
        self._facts, self._levels = facts, frozenset(levels)

    def terms(self, text: str) -> Terms:
        """Translate the regressors of a command."""
        found = Terms()
        for word in words(text):
            try:
                for one in self._alternatives(word):
                    self._word(one, found)
            except NotReadError as error:
                found.doubts.append(f"COMPLETE: {error}; it is left out")
        found.terms[:] = unique(found.terms)
        found.effects[:] = unique(found.effects)
        return found

    def effects(self, text: str) -> Terms:
        """Translate what is absorbed: ``i.id##c.t`` is ``id[t]`` here, ``id#year`` is ``id^year``."""
        found = Terms()
        for word in words(re.sub(r"\b\w+\s*=\s*", "", text)):
            try:
                for one in self._alternatives(word):
                    found.effects += self._absorbed(one)
            except NotReadError as error:
                found.doubts.append(f"COMPLETE: {error}; it is left out of the fixed effects")
        found.effects[:] = unique(found.effects)
        return found

    def _alternatives(self, word: str) -> list[str]:
        """Write brackets out: ``i.(a b)#c.x`` is ``i.a#c.x`` and ``i.b#c.x``."""
        signs = re.findall(r"##?", word)
        options: list[list[str]] = []
        for piece in re.split(r"##?", word):
            group = re.fullmatch(r"([\w()/]*\.)?\((.*)\)", piece)
            if group and not re.search(r"[=#]", group[2]):
                members = [one for each in words(group[2]) for one in columns_of_word(each, self._facts)]
                options.append([f"{'' if '.' in one else group[1] or ''}{one}" for one in members])
            else:
                prefix, dot, name = piece.rpartition(".")
                options.append([f"{prefix}{dot}{one}" for one in columns_of_word(name, self._facts)])
        return ["".join(map("".join, zip(row, [*signs, ""], strict=True))) for row in product(*options)]

    def _piece(self, text: str, in_product: bool) -> _Piece:
        match = _PIECE.fullmatch(text)
        if match is None:
            raise NotReadError(f"`{text}` has no translation")
        kind, name = match["kind"] or "", match["name"]
        if re.search(r"[*?~]", name):
            pattern = re.sub(r"[*~]", ".*", name.replace("?", "."))
            written = f'regex("^{pattern}$")'.replace("^.*", "").replace(".*$", "")
        elif match["series"]:
            series = lagged(match["series"], name)
            if series is None:
                raise NotReadError(f"`{text}` has no translation")
            written = series
        else:
            written = write_name(name)
        if kind == "c" or (not kind and not in_product):
            kind = ""
        elif level := re.fullmatch(r"i?(\d+)(?:bn)?", kind):
            kind = level[1]
        elif kind in ("co",) or re.fullmatch(r"\d+[bo]|i?o\d*", kind):
            raise NotReadError(f"`{text}` is a base level or omitted")
        else:
            kind = "i"
        return _Piece(kind, written, name)

    def _binary(self, name: str) -> bool:
        """Say whether levels are 0 and 1; without data all but unit, time and what is absorbed are taken for it."""
        if name in self._facts.columns:
            return name in self._facts.binary
        return name not in self._levels and not like_time(name)

    def _word(self, word: str, found: Terms) -> None:
        parts = re.split(r"##?", word)
        pieces = [self._piece(part, len(parts) > 1) for part in parts]
        if "##" in word and not re.fullmatch(r"[^#]+(?:##[^#]+)*", word):
            raise NotReadError(f"`{word}` mixes # and ##")
        sets = (
            [chosen for size in range(1, len(pieces) + 1) for chosen in combinations(pieces, size)]
            if "##" in word
            else [tuple(pieces)]
        )
        if len(pieces) > 1 and "##" not in word and [one.kind for one in pieces].count("i") > 1:
            shown = [one.name for one in pieces if one.kind == "i" and self._binary(one.name)]
            if len(shown) > 1:
                found.doubts.append(
                    f"`{word}` is taken for the product alone: write the parts beside it if not absorbed"
                )
        for chosen in sets:
            self._product(chosen, found, binary=len(pieces) > 1 or not found.terms)

    def _product(self, pieces: Sequence[_Piece], found: Terms, *, binary: bool) -> None:
        """Add one product: levels alone are effects, numbers a term, both slopes by level.

        Without data a column is one of 0 and 1 where ``binary``, that is in products and as the first regressor.
        """
        levels: list[str] = []
        numbers: list[str] = []
        for one in pieces:
            known = one.name in self._facts.columns
            if one.kind == "i" and self._binary(one.name) and (known or binary):
                numbers.append(one.written)
                if not known:
                    found.doubts.append(f"`{one.name}` is taken for a column of 0 and 1")
            elif one.kind == "i":
                levels.append(one.written)
            elif one.kind == "1" and self._binary(one.name):
                numbers.append(one.written)
                if not known:
                    found.doubts.append(f"`{one.name}` is taken for a column of 0 and 1")
            elif one.kind:
                numbers.append(
                    f"I({one.written} == {one.kind})" if len(pieces) == 1 else f"({one.written} == {one.kind})"
                )
            else:
                numbers.append(one.written)
        joint = "^".join(levels)
        if not levels:
            power = len(numbers) > 1 and len({*numbers}) == 1
            found.terms.append(f"I({numbers[0]}^{len(numbers)})" if power else ":".join(numbers))
        elif not numbers:
            found.effects.append(joint)
        elif len(levels) == 1 and len(numbers) == 1:
            found.terms.append(f"i({joint}, {numbers[0]})")
        else:
            found.effects.append(joint + "".join(f"[[{one}]]" for one in numbers))

    def _absorbed(self, word: str) -> list[str]:
        pieces = [self._piece(part, True) for part in re.split(r"##?", word)]
        slopes = [one.written for one in pieces if re.match(r"c[LFDSlfds\d]*\.", part_of(word, one))]
        levels = [one.written for one in pieces if one.written not in slopes]
        if not levels or any(one.kind.isdigit() for one in pieces):
            raise NotReadError(f"`{word}` has no translation among fixed effects")
        joint, full = "^".join(levels), "##" in word
        if slopes:
            return [joint + "".join(f"[{one}]" if full else f"[[{one}]]" for one in slopes)]
        return [*levels, joint] if full and len(levels) > 1 else [joint]


def part_of(word: str, piece: _Piece) -> str:
    """Return the part of a product that a piece was read from."""
    return next(part for part in re.split(r"##?", word) if part.endswith(piece.name))
