"""A spec file of the regressions in a do-file or an R script: what differs between them becomes options."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod

from specdid._decode.table import LONGEST_LABEL
from specdid._diagnostics import Fault, SpecError
from specdid._draft.r import read_r
from specdid._draft.regression import Code, Facts, Preparation, Regression, joined, like_time, names_in
from specdid._draft.stata import read_stata
from specdid._draft.write import comment, one_line
from specdid._toml import toml_text
from specdid.language import write_name

ENCODINGS = ("utf-8-sig", "gb18030", "cp1252")
"""In what code is written, in the order in which it is tried."""
LONGEST = 2_000_000
"""Characters of code that are read."""
DIMENSIONS = ("outcome", "controls", "fixed_effects", "sample", "weights", "estimator", "instruments")
_ONLY = {"sample": "TRUE", "weights": "1", "estimator": "feols", "instruments": "1"}
"""Options of tables that a draft leaves out where they have no other."""
_PLAIN = {
    "sample": "all rows",
    "weights": "unweighted",
    "controls": "none",
    "instruments": "none",
    "fixed_effects": "none",
}
_EMPTY = {**_ONLY, "controls": "1", "fixed_effects": "0"}
_ESTIMATORS = {"feols": "OLS", "fepois": "Poisson"}
MOST_LINES = 25
"""Lines of preparation above one table."""
LONGEST_SHOWN = 300
"""Characters of a command in a comment."""


def decoded(raw: bytes) -> str:
    """Return the text of a file of code; what can be read in no encoding has marks in the place of letters."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", errors="replace")


def read_code(text: str, ending: str, facts: Facts) -> Code:
    """Read a do-file (``.do``, ``.ado``) or an R script (``.r``).

    Raises
    ------
    ValueError
        The file is too long, or of another kind.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the file has more than {LONGEST:,} characters")
    readers = {".do": read_stata, ".ado": read_stata, ".r": read_r}
    if ending.casefold() not in readers:
        raise ValueError("code is read from .do and .R files")
    code = readers[ending.casefold()](text.replace("\r\n", "\n").replace("\r", "\n"), facts)
    if code.left and not code.regressions:
        line, command, why = code.left.pop(0)
        open_ = (f"COMPLETE outcome, treatment and all else: {why}",)
        code.regressions.append(Regression("Stata", line, command, "outcome", ("treatment",), doubts=open_))
    return code


def treatment_of(code: Code, name: str, given: str | None) -> tuple[str, bool]:
    """Return the treatment, and whether somebody has said so; else the first regressor that most regressions have.

    Raises
    ------
    SpecError
        There is no regression, or none has what is given.
    """
    if not code.regressions:
        help_ = "read are reghdfe, xtreg with fe, areg, regress, ppmlhdfe, ivreghdfe; feols, fepois, felm, lm and plm"
        notes = tuple(f"line {line}: {one_line(text)[:80]}: {why}" for line, text, why in code.others[:20])
        raise SpecError([Fault("draft_code", f"{name} has no regression that can be read", help=help_, notes=notes)])
    counts = Counter(term for r in code.regressions for term in r.regressors)
    if given is None:
        if not counts:
            return "treatment", False
        least = min(len(code.regressions) // 2 + 1, max(counts.values()))
        places = {term: [r.regressors.index(term) for r in code.regressions if term in r.regressors] for term in counts}
        often = [term for term in counts if counts[term] >= least]
        return min(often, key=lambda term: (sum(places[term]) / counts[term], -counts[term])), False
    own = given if given in counts else write_name(given)
    if own not in counts:
        listed = ", ".join(f"`{term}`" for term, _ in counts.most_common(20))
        message = f"`{given}` is a regressor of no regression in {name}"
        raise SpecError([Fault("draft_treatment", message, help=f"regressors: {listed}")])
    return own, True


def kept_of(code: Code, term: str) -> list[Regression]:
    """Return the regressions of a treatment; of instruments those in which it is the endogenous regressor."""
    own = [r for r in code.regressions if term in r.regressors and (not r.instruments or r.regressors[0] == term)]
    return own or code.regressions  # no regression has a regressor


def code_draft(code: Code, name: str, treatment: tuple[str, bool], data: str | None, stem: str) -> str:
    """Write the draft; ``data`` is the file as the spec names it, None where no file is known."""
    term, said = treatment
    kept = kept_of(code, term)
    rows = _rows(kept, term)
    options = {d: list(dict.fromkeys(row[k] for row in rows)) for k, d in enumerate(DIMENSIONS)}
    labels = _labels(options)
    lines = _Preparations(code.preparation)
    vcovs = _vcovs(kept)
    blocks = [
        comment(
            f"A draft of {len(kept)} of the {_commands(code)} in {one_line(name)}, by `specdid init --from`. The data "
            "are those in memory at the regressions: lines that prepare them stand as comments above what uses them. "
            "COMPLETE marks what is left to you."
        ),
        _study(code, data, stem, kept, lines),
        _table("outcome", options["outcome"], labels, lines),
        _treatment(code, term, said, lines),
        *(_table(d, options[d], labels, lines) for d in DIMENSIONS[1:]),
        _vcov_table(vcovs, kept, code, lines),
        _together(rows, options, labels),
        _preferred(rows, options, labels, kept),
        _inference(vcovs),
        _by_line(kept),
        _left(code, kept),
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def _commands(code: Code) -> str:
    count = len(code.regressions) + len(code.left)
    return f"{count} regressions" if count != 1 else "one regression"


def _sample(r: Regression) -> str:
    """Return the rows of a regression as an option: two conditions of which a part is open are not the same."""
    return f"{r.condition}\0{r.open_rows}" if r.open_rows else r.condition


def _rows(kept: Sequence[Regression], term: str) -> list[tuple[str, ...]]:
    """Return the options of every regression by dimension; the same terms in another order are one option."""
    first: dict[tuple[str, frozenset[str]], str] = {}

    def option(dimension: str, parts: Sequence[str]) -> str:
        return first.setdefault((dimension, frozenset(parts)), joined(parts, _EMPTY[dimension]))

    return [
        (
            r.outcome,
            option("controls", [one for one in r.regressors if one != term]),
            option("fixed_effects", r.absorbed),
            _sample(r),
            r.weights,
            r.family,
            option("instruments", r.instruments),
        )
        for r in kept
    ]


def _labels(options: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], str]:
    """Return a label for every option, the option itself where it is short."""
    found: dict[tuple[str, str], str] = {}
    for dimension, own in options.items():
        for one in own:
            condition, _, open_ = one.partition("\0")
            label = _PLAIN[dimension] if one == _EMPTY.get(dimension) and dimension in _PLAIN else condition
            label = _ESTIMATORS[one] if dimension == "estimator" else label
            if open_:
                label = f"{'' if condition == 'TRUE' else f'{condition}; '}COMPLETE {one_line(open_)}"
            if len(label) > LONGEST_LABEL:
                label = f"{label[: LONGEST_LABEL // 2]} … {zlib.crc32(label.encode()):08x}"
            taken = {found[dimension, other] for other in own if (dimension, other) in found}
            found[dimension, one] = label if label not in taken else f"{label} ({len(taken) + 1})"
    return found


class _Preparations:
    """Gives every line of preparation once: where a column that it makes is used first, with what it is made of."""

    def __init__(self, lines: Sequence[Preparation]) -> None:
        self._left = list(dict.fromkeys(lines))

    def of(self, texts: Iterable[str]) -> list[str]:
        """Return comments of what makes the columns of expressions."""
        wanted = set(names_in(texts))
        taken: list[Preparation] = []
        while more := [one for one in self._left if one.makes & wanted and one not in taken]:
            taken += more
            wanted |= {word for one in more for word in re.findall(r"[^\W\d][\w.]*", one.text)}
        return self._shown(taken)

    def of_rows(self) -> list[str]:
        """Return comments of what changes rows."""
        return self._shown([one for one in self._left if one.rows])

    def _shown(self, taken: Sequence[Preparation]) -> list[str]:
        self._left = [one for one in self._left if one not in taken]
        own = sorted(taken, key=lambda one: one.line)
        found = [f"# line {one.line}: {_cut(one.text)}" for one in own[:MOST_LINES]]
        return [*found, f"# and {len(own) - MOST_LINES} more lines"] if len(own) > MOST_LINES else found


def _cut(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"


def _study(code: Code, data: str | None, stem: str, kept: Sequence[Regression], lines: _Preparations) -> list[str]:
    found = ["[study]", f"title = {toml_text(f'{one_line(stem)}: draft')}"]
    rows = lines.of_rows()
    if rows:
        found += [
            "# These lines choose or change rows before the regressions; the data are to be as they leave them:",
            *rows,
        ]
    if data is None:
        named = f" The code reads {one_line(code.data)}." if code.data else ""
        found += [*comment(f"COMPLETE the data, saved where the regressions have them.{named}"), '# data = "…"']
    else:
        found.append(f"data  = {toml_text(data)}")
    unit, time = unit_and_time(code, kept)
    for role, column in (("unit", unit), ("time", time)):
        if column is None:
            found.append(f'# {role}  = "…"  # COMPLETE: the code does not say it')
        else:
            found.append(f"{role}  = {toml_text(column)}")
    return found


def unit_and_time(code: Code, kept: Sequence[Regression]) -> tuple[str | None, str | None]:
    """Return the unit and time of xtset, panel.id or index; else of the effects that most regressions absorb."""
    if code.unit is not None or code.time is not None:
        return code.unit, code.time
    counts = Counter(one for r in kept for one in r.absorbed if re.fullmatch(r"[\w.]+", one))
    times = [one for one in counts if like_time(one)]
    time = max(times, key=counts.__getitem__, default=None)
    units = [one for one in counts if one not in times]
    return max(units, key=counts.__getitem__, default=None), time


def _table(
    dimension: str, options: Sequence[str], labels: Mapping[tuple[str, str], str], lines: _Preparations
) -> list[str]:
    if list(options) == [_ONLY.get(dimension)]:
        return []
    found = [f"[{dimension}]", *lines.of(one.partition("\0")[0] for one in options)]
    for one in options:
        condition, _, open_ = one.partition("\0")
        if open_:
            found += comment(f"COMPLETE which rows these are, as the code has it: {_cut(open_)}")
        found.append(f"{toml_text(labels[dimension, one])} = {toml_text(condition)}")
    return found


def _treatment(code: Code, term: str, said: bool, lines: _Preparations) -> list[str]:
    found = ["[treatment]", *lines.of([term])]
    others = Counter(one for r in code.regressions for one in r.regressors if one != term)
    if not said:
        most = ", ".join(f"`{one}` ({count})" for one, count in others.most_common(8))
        total = len(code.regressions)
        told = f"COMPLETE the treatment: `{term}` is the first regressor that most have"
        told += f" ({sum(term in r.regressors for r in code.regressions)} of {total})"
        found += comment(f"{told}. Another: `init --treatment TERM`{f', of {most}' if most else ''}.")
    return [*found, f"{toml_text(term)} = {toml_text(term)}"]


def _vcovs(kept: Sequence[Regression]) -> list[tuple[str, str]]:
    """Return the errors, those of most regressions first; Poisson has no correction of areg."""
    poisson = any(r.family == "fepois" for r in kept)
    counts = Counter((r.vcov, "" if poisson and r.ssc == "areg" else r.ssc) for r in kept)
    return [pair for pair, _ in counts.most_common()]


def _vcov_table(
    vcovs: Sequence[tuple[str, str]], kept: Sequence[Regression], code: Code, lines: _Preparations
) -> list[str]:
    found = ["[vcov]", *lines.of(formula.removeprefix("~") for formula, _ in vcovs if formula.startswith("~"))]
    if len(vcovs) > 1:
        found += comment(
            "The first, of most regressions, is on the curve; the others are further rows of every specification."
        )
    if unstated := [r.line for r in kept if r.unstated]:
        found += comment(
            f"COMPLETE: {_lines(unstated)} state no vcov. fixest before 0.13 clusters by the first fixed effect, as "
            'here; since 0.13 its errors are "iid".'
        )
    found += [f"# COMPLETE line {line} has errors of its own: {_cut(text)}" for line, text in code.errors[:10]]
    for formula, ssc in vcovs:
        label = formula.removeprefix("~")
        if ssc and len({v for v, _ in vcovs}) < len(vcovs):
            label = f"{label}, {ssc}"
        value = f"{{ formula = {toml_text(formula)}, ssc = {toml_text(ssc)} }}" if ssc else toml_text(formula)
        found.append(f"{toml_text(label)} = {value}")
    return found


def _together(
    rows: Sequence[tuple[str, ...]], options: Mapping[str, Sequence[str]], labels: Mapping[tuple[str, str], str]
) -> list[str]:
    """Tie choices that differ together, where a crossing would plan combinations that the code has not."""
    varying = [(k, d) for k, d in enumerate(DIMENSIONS) if len(options[d]) > 1]

    def combinations(of: Sequence[tuple[int, str]]) -> list[tuple[str, ...]]:
        return list(dict.fromkeys(tuple(row[k] for k, _ in of) for row in rows))

    for one in list(varying):  # what is crossed with all else is not tied
        rest = [other for other in varying if other != one]
        if len(combinations(varying)) == len(combinations(rest)) * len(options[one[1]]):
            varying = rest
    distinct = combinations(varying)
    crossed = prod(len(options[d]) for _, d in varying)
    if len(varying) < 2 or len(distinct) == crossed:
        return []
    told = (
        f"The {len(distinct)} combinations of the code. Without this table all {crossed:,} are planned: which of the "
    )
    return [
        *comment(f"{told}others are as defensible?"),
        "[[together]]",
        f"dimensions = [{', '.join(toml_text(d) for _, d in varying)}]",
        "options    = [",
        *(
            f"  [{', '.join(toml_text(labels[d, one]) for (_, d), one in zip(varying, row, strict=True))}],"
            for row in distinct
        ),
        "]",
    ]


def _preferred(
    rows: Sequence[tuple[str, ...]],
    options: Mapping[str, Sequence[str]],
    labels: Mapping[tuple[str, str], str],
    kept: Sequence[Regression],
) -> list[str]:
    varying = [(k, d) for k, d in enumerate(DIMENSIONS) if len(options[d]) > 1] or [(0, "outcome")]
    return [
        *comment(
            f"COMPLETE: the first regression, line {kept[0].line}, stands here; which is the paper's main result?"
        ),
        "[preferred]",
        *(f"{d} = {toml_text(labels[d, rows[0][k]])}" for k, d in varying),
    ]


def _inference(vcovs: Sequence[tuple[str, str]]) -> list[str]:
    cluster = next((f[1:] for f, _ in vcovs if re.fullmatch(r"~(?:[\w.]+|`[^`]+`)", f)), None)
    if cluster is None:
        return ["[inference]", "draws = 0  # COMPLETE: tests of the curve need a cluster"]
    return ["[inference]", "draws = 999", 'null  = ["wild"]', f"cluster = {toml_text(cluster)}"]


def _by_line(kept: Sequence[Regression]) -> list[str]:
    found = comment("The regressions by their lines in the code, and what is to be looked at:")
    for r in kept:
        above = f"({one_line(r.above)[:80]}) " if r.above else ""
        found += comment(f"{r.line}: {above}{_cut(r.command)}", "  ")
        found += [line for one in r.doubts for line in comment(one_line(one), "    ")]
    return found


def _left(code: Code, kept: Sequence[Regression]) -> list[str]:
    own = {id(r) for r in kept}
    left = [(r.line, r.command, "without the treatment") for r in code.regressions if id(r) not in own]
    listed = sorted([*code.left, *code.others, *left])
    if not listed:
        return []
    found = comment("Not in this draft:")
    for line, text, why in listed:
        found += comment(f"{line}: {_cut(text)}  ({one_line(why)})", "  ")
    return found


def _lines(lines: Iterable[int]) -> str:
    shown = [str(line) for line in sorted({*lines})]
    return f"line {shown[0]}" if len(shown) == 1 else f"lines {', '.join(shown[:12])}{' …' * (len(shown) > 12)}"


def code_findings(code: Code, treatment: tuple[str, bool]) -> list[str]:
    """Return what is printed of a draft of code."""
    term, said = treatment
    kept = kept_of(code, term)
    found = [f"{len(kept)} of {_commands(code)} are in the draft"]
    if not said:
        found.append(f"COMPLETE the treatment: `{term}`, the first regressor that most regressions have")
    if open_ := sum(bool(r.open_rows) for r in kept):
        found.append(f"COMPLETE the rows of {open_} regressions, which are not translated")
    if doubts := sum(any("COMPLETE" in one for one in r.doubts) for r in kept):
        found.append(f"COMPLETE parts of {doubts} regressions: see the list at the end of the draft")
    if count := len({one.line for one in code.preparation}):
        prepare = f"{count} lines prepare" if count > 1 else "1 line prepares"
        found.append(f"{prepare} the data: comments in the draft, not run")
    return found
