"""Regressions of a Stata do-file or an R script, read for a draft, and a spec file of them: the same combinations.

Nothing of the code is run. A regression with a part that is not understood is left out, and listed. So is every
statement that is neither read nor known to leave rows and values alone.
"""

from __future__ import annotations

import re
import shlex
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from math import prod
from pathlib import PurePath

import numpy as np

from specdid._decode.table import LONGEST_LABEL
from specdid._diagnostics import Fault, SpecError
from specdid._draft.memory import (
    FIRST,
    DataFacts,
    ReadCode,
    Regression,
    as_word,
    columns_of,
    in_backticks,
    in_brackets,
    marked_name,
    without_marks,
)
from specdid._draft.r import read_r
from specdid._draft.stata import read_stata
from specdid._draft.write import comment, one_line
from specdid._toml import toml_text
from specdid.language import LanguageError, Scope, bind, expand, parse, write, write_name
from specdid.language.tree import Binary, Name, chain, children, walk
from specdid.panel import Column, EvaluationError, Evaluator, Panel
from specdid.panel.columns import rank

ENCODINGS = ("utf-8-sig", "gb18030", "cp1252")
"""In what code is written, in the order in which it is tried."""
LONGEST = 2_000_000
"""Characters of code that are read."""


def read_code(text: str, ending: str, facts: DataFacts = FIRST) -> ReadCode:
    """Read a do-file (``.do``, ``.ado``) or an R script (``.r``); of their data ``facts`` are known.

    Raises
    ------
    ValueError
        The file is too long, or of another kind.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the file has more than {LONGEST:,} characters")
    facts = _marked(facts, as_word if ending.casefold() != ".r" else marked_name)
    words = {name: {word: n for word, n in found.items() if word} for name, found in facts.words.items()}
    stata = partial(read_stata, facts=replace(facts, words={name: found for name, found in words.items() if found}))
    readers: dict[str, Callable[[str], ReadCode]] = {".do": stata, ".ado": stata, ".r": partial(read_r, facts=facts)}
    reader = readers.get(ending.casefold())
    if reader is None:
        raise ValueError("code is read from .do and .R files")
    found = reader(text.replace("\r\n", "\n").replace("\r", "\n"))
    lagged = {of[1] for r in found.regressions for t in r.terms if (of := re.fullmatch(r"[lf]\((\w+), \d+\)", t))}
    told = {name: facts.stays(found.unit or "", found.time or "", name) for name in lagged & facts.columns}
    found.stays = {name: stays for name, stays in told.items() if stays is not None}
    return _without_marks(found)


def _marked(facts: DataFacts, named: Callable[[str], str]) -> DataFacts:
    """Return facts of columns by names that are names in expressions here, whatever they are in the data."""
    changed = {name: named(name) for name in facts.columns}
    if not any(new != old for old, new in changed.items()):
        return facts

    def of(names: Iterable[str]) -> frozenset[str]:
        return frozenset(changed[name] for name in names)

    return replace(
        facts,
        columns=of(facts.columns),
        complete=of(facts.complete),
        binary=of(facts.binary),
        whole=of(facts.whole),
        nonzero=of(facts.nonzero),
        short=of(facts.short),
        texts=of(facts.texts),
        integers=of(facts.integers),
        order=tuple(changed[name] for name in facts.order),
        words={changed[name]: words for name, words in facts.words.items()},
        padded={changed[name]: cells for name, cells in facts.padded.items()},
        zeros={changed[name]: cells for name, cells in facts.zeros.items() if name in changed},
        nested=lambda group, inner: facts.nested(without_marks(group), without_marks(inner)),
        gaps=lambda unit, time: facts.gaps(without_marks(unit), without_marks(time)),
        stays=lambda *names: facts.stays(*map(without_marks, names)),
        key=lambda unit, time: facts.key(without_marks(unit), without_marks(time)),
        alone=lambda names: facts.alone(tuple(map(without_marks, names))),
        bounds=lambda name: facts.bounds(without_marks(name)),
        numbers=lambda name: facts.numbers(without_marks(name)),
        levels=lambda name: facts.levels(without_marks(name)),
        values=lambda text, made: facts.values(in_backticks(text), {n: in_backticks(one) for n, one in made.items()}),
    )


def _without_marks(code: ReadCode) -> ReadCode:
    """Return what was read with columns' own names, in backticks where expressions have them."""

    def plain(name: str | None) -> str | None:
        return None if name is None else without_marks(name)

    return replace(
        code,
        regressions=[
            replace(
                r,
                outcome=in_backticks(r.outcome),
                terms=tuple(map(in_backticks, r.terms)),
                effects=in_backticks(r.effects),
                condition=in_backticks(r.condition),
                weights=in_backticks(r.weights),
                vcov=in_backticks(r.vcov),
            )
            for r in code.regressions
        ],
        data=plain(code.data),
        unit=plain(code.unit),
        time=plain(code.time),
        derived={without_marks(name): in_backticks(text) for name, text in code.derived.items()},
        skipped=[(line, without_marks(text), without_marks(why)) for line, text, why in code.skipped],
        notes=[(line, without_marks(text)) for line, text in code.notes],
        comments={name: [*map(without_marks, told)] for name, told in code.comments.items()},
        unread={without_marks(name): (without_marks(of), line) for name, (of, line) in code.unread.items()},
        made_again=[(line, without_marks(name)) for line, name in code.made_again],
        changed_again=[(line, without_marks(name)) for line, name in code.changed_again],
        unused={without_marks(name): in_backticks(text) for name, text in code.unused.items()},
        needed={line: tuple(map(without_marks, names)) for line, names in code.needed.items()},
        read_as={without_marks(name): in_backticks(of) for name, of in code.read_as.items()},
        stays={without_marks(name): stays for name, stays in code.stays.items()},
        renamed={in_backticks(old): without_marks(new) for old, new in code.renamed.items()},
        called={in_backticks(new): (without_marks(old), line) for new, (old, line) in code.called.items()},
    )


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


def facts_of(
    columns: Mapping[str, Column], sheet: str = "", words: Mapping[str, Mapping[str, int]] | None = None
) -> DataFacts:
    """Return what columns, of a workbook's first ``sheet``, show that decides how code is written here.

    ``words`` are those of a text file that are missing here, by column with their rows.
    """
    numbers = {n: c.numbers for n, c in columns.items() if c.numbers is not None}
    whole = {n for n, values in numbers.items() if not np.isnan(values).any()}
    whole |= {n for n, c in columns.items() if c.codes is not None and not (c.codes < 0).any()}
    binary = {n for n, values in numbers.items() if np.isin(values[~np.isnan(values)], (0, 1)).all()}

    def nested(group: str, of: str) -> bool | None:
        names = [group] if group in columns else group.split("^")
        if not {*names, of} <= whole:
            return None
        joint = np.stack([rank(columns[name])[0] for name in names])
        inner, outer = np.unique(joint, axis=1, return_inverse=True)[1].reshape(-1), rank(columns[of])[0]
        first = np.zeros(int(inner.max()) + 1, dtype=outer.dtype)
        first[inner] = outer
        return bool((first[inner] == outer).all())

    def gaps(unit: str, time: str) -> tuple[bool, bool]:
        if unit not in whole or time not in whole:
            return False, False
        units, times = rank(columns[unit])[0], rank(columns[time])[0]
        found = []
        for order in (np.argsort(units, kind="stable"), np.lexsort((times, units))):
            step = np.diff(times[order])[np.diff(units[order]) == 0]
            found.append(bool((step != 1).any()))
        return found[0], found[1]

    def stays(unit: str, time: str, name: str) -> bool | None:
        if not {unit, time} <= whole or name not in numbers:
            return None
        units, times = rank(columns[unit])[0], rank(columns[time])[0]
        order = np.lexsort((times, units))
        falls = (np.diff(numbers[name][order]) < 0) & (np.diff(units[order]) == 0)
        return name in binary and not falls.any()

    def alone(names: tuple[str, ...]) -> bool:
        if not {*names} <= whole:
            return True
        joint = np.stack([rank(columns[name])[0] for name in names])
        return bool((np.unique(joint, axis=1, return_counts=True)[1] == 1).any())

    def key(unit: str, time: str) -> bool | None:
        if not {unit, time} <= whole:
            return None if not {unit, time} <= {*columns} else False
        pairs = np.stack([rank(columns[name])[0] for name in (unit, time)])
        return bool(np.unique(pairs, axis=1).shape[1] == pairs.shape[1])

    integers = {n for n, values in numbers.items() if (np.floor(known := values[~np.isnan(values)]) == known).all()}
    nonzero = frozenset(n for n, values in numbers.items() if (values != 0).all())
    whole_numbers = frozenset(integers)
    ends = {n: (float(np.nanmin(v)), float(np.nanmax(v))) for n, v in numbers.items() if not np.isnan(v).all()}
    ends |= {n: (0.0, float(max(map(len, c.levels), default=0))) for n, c in columns.items() if c.is_text}

    texts = {n: frozenset(c.levels) for n, c in columns.items() if c.is_text}

    with np.errstate(over="ignore"):
        short = frozenset(n for n, v in numbers.items() if (v.astype(np.float32) == v)[~np.isnan(v)].all())

    evaluator = Evaluator(Panel(columns, max((len(c.missing) for c in columns.values()), default=0)))

    def values(text: str, made: Mapping[str, str]) -> Column | None:
        scope = Scope.of(columns)
        try:
            for name, one in made.items():
                scope = scope.define(name, parse(one))
            return evaluator.column(bind(parse(text), scope))
        except (LanguageError, EvaluationError):
            return None

    def bounds(name: str) -> tuple[float, float]:
        return ends.get(name, (-np.inf, np.inf))

    return DataFacts(
        frozenset(columns),
        frozenset(whole),
        frozenset(binary),
        nested,
        gaps,
        whole_numbers,
        nonzero,
        alone,
        sheet,
        bounds,
        short,
        key,
        numbers.get,
        tuple(columns),
        words or {},
        frozenset(texts),
        levels=lambda name: texts.get(name, frozenset()),
        stays=stays,
        values=values,
    )


DIMENSIONS = ("outcome", "controls", "fixed_effects", "sample", "weights", "estimator")
MOST_LINES = 12
"""Lines of the code that one sentence names."""
MOST_ALTERNATIVES = 1_000
"""Combinations of c(), sw() and the like that one regression is written out into."""
MOST_LISTED = 500
"""Statements that a draft lists as not understood."""
MOST_TOLD = 60
"""Statements that a refusal lists so."""
LONGEST_SHOWN = 400
"""Characters of a statement that a draft lists."""
MOST_FIRST = 8
"""Terms that stand first in regressions which a refusal names."""
MOST_UNUSED = 40
"""Columns that a draft keeps as comments."""
EVENT_STUDY = "[event_study], with the cohort (the first treated period) at the treatment, window and reference"
LEAST_COMMON = 30
"""Characters of a condition of all samples from which on labels leave it out."""
_NAMES = {"feols": "OLS", "fepois": "Poisson"}


def written_out(code: ReadCode, given: str | None) -> None:
    """Write sw(), csw() and the like out where the treatment is one of theirs: ``given``, else what stands first.

    Also `l(x, 0:1)`, which is `x` and a lag: a treatment is one term.
    """
    names = {
        given,
        in_backticks(marked_name(given or "")),
        *(name for name, (old, _) in code.called.items() if old == given),
    } - {None}
    found: list[Regression] = []
    for r in code.regressions:
        steps = [k for k, t in enumerate(r.terms) if re.match(r"(?:c?sw0?|mvsw|[lfd])\(", t)]
        options = {k: sets for k in steps if (sets := _sets_of_terms(r.terms[k])) and sets != [[r.terms[k]]]}
        of = {k: {t for one in sets for t in one} for k, sets in options.items()}
        at = next((k for k in of if (k == 0 if given is None else names & of[k])), None)
        if at is None:
            found.append(r)
        else:
            found += [
                replace(r, terms=tuple(dict.fromkeys((*r.terms[:at], *one, *r.terms[at + 1 :])))) for one in options[at]
            ]
    code.regressions = found


def treatment_of(code: ReadCode, name: str, given: str | None) -> tuple[str, str]:
    """Return the term whose effect the regressions are about, and by what evidence.

    Raises
    ------
    SpecError
        Where there is no regression, or no single term stands first in all of them.
    """
    if not code.regressions:
        help_ = "read are reghdfe, xtreg with fe, areg, regress, ppmlhdfe; feols, fepois, felm and lm"
        message = f"no regression of {name} is understood"
        raise SpecError([Fault("draft_code", message, help=help_, notes=_not_taken(code))])
    counts = Counter(term for r in code.regressions for term in r.terms)
    total = len(code.regressions)
    if not counts:
        notes = (*(f"line {line}: {text}" for line, text in code.notes[:8]), *_not_taken(code))
        message = f"no regression of {name} has a term beside its fixed effects"
        raise SpecError([Fault("draft_treatment", message, help="give the treatment a term of its own", notes=notes)])
    if given is not None:
        given = given if counts[given] else code.read_as.get(given, in_backticks(marked_name(given)))
        anew = [term for term in counts if code.called.get(term, ("", 0))[0] == given]
        if not counts[given] and len(anew) == 1:
            line = code.called[anew[0]][1]
            why = f"named by you as `{given}`, which line {line} makes anew: from there on it is `{anew[0]}` here"
            return anew[0], f"{why}; in {counts[anew[0]]} of {total} regressions"
        if not counts[given]:
            message = f"`{given}` is a term of no regression in {name}"
            notes = tuple(f"`{term}` is `{given}` as line {code.called[term][1]} makes it" for term in anew[:8])
            help_ = f"terms: {', '.join(f'`{t}`' for t in counts)}"[:300]
            raise SpecError([Fault("draft_treatment", message, help=help_, notes=(*notes, *_not_taken(code)))])
        if len((sets := _sets_of_terms(given)) and sets[0]) > 1:
            message = f"`{given}` stands for {len(sets[0])} terms, and a treatment is one"
            help_ = f"say which: --treatment {shlex.quote(sets[0][0])}; the others are held fixed beside it"
            raise SpecError([Fault("draft_treatment", message, help=help_)])
        return given, f"named by you; in {counts[given]} of {total} regressions"
    everywhere = [term for term, count in counts.items() if count == total]
    if len(everywhere) == 1 and total > 1:
        return everywhere[0], f"the only term of all {total} regressions"
    first = {r.terms[0] if r.terms else "" for r in code.regressions}
    if len(first) == 1 and (term := first.pop()):
        where = f"all {total} regressions" if total > 1 else "the one regression"
        return term, f"stands first in {where}{_with_interaction(term, everywhere)}"
    stands_first = Counter(r.terms[0] for r in code.regressions if r.terms).most_common(MOST_FIRST)
    lines = {term: [r.line for r in code.regressions if r.terms[:1] == (term,)] for term, _ in stands_first}
    notes = (
        *(f"`{term}` stands first in {count} of {total}, {_lines(lines[term])}" for term, count in stands_first),
        *(
            f"`{term}` in {count} of {total}"
            + (f", not in {_lines(r.line for r in code.regressions if term not in r.terms)}" if count < total else "")
            for term, count in counts.most_common(8)
        ),
        *(f"line {r.line}: {told}" for r in code.regressions[:8] if (told := _event_study(r.terms, code))),
        *(f"line {line}: {text}" for line, text in code.notes[:4]),
        *_not_taken(code),
    )
    message = f"no term stands first in all {total} regressions of {name}: whose effect is it?"
    typed = [shlex.quote(one) for term, _ in stands_first if (one := _may_be_treatment(term))] or ["TERM"]
    help_ = f"say it: --treatment {' or --treatment '.join(typed[:3])}; a draft is of one, another has its own"
    raise SpecError([Fault("draft_treatment", message, help=help_, notes=notes)])


def _may_be_treatment(term: str) -> str:
    """Return the one term that `--treatment` takes of what stands first, "" where it is not one's effect."""
    if re.search(r"(?<![\w.])(?:i|factor|poly|[bn]s|regex|c?sw0?|mvsw)\(", term):
        return ""
    sets = _sets_of_terms(term)
    return sets[0][0] if sets and sets[0] else term


def _with_interaction(term: str, everywhere: Sequence[str]) -> str:
    """Offer the largest interaction of a term that all regressions have, the effect of a difference in differences."""
    wider = max((t for t in everywhere if term in t.split(":") and t != term), key=lambda t: t.count(":"), default="")
    return f"; where `{wider}` is the effect, as in a difference in differences, say --treatment {wider}" * bool(wider)


def _not_taken(code: ReadCode) -> tuple[str, ...]:
    """Return what a refusal says of the statements that are not understood, as no draft lists them."""
    listed = dict.fromkeys((line, one_line(text)[:80], one_line(why)) for line, text, why in sorted(code.skipped))
    shown = [f"line {line}: {text}: {why}" for line, text, why in [*listed][:MOST_TOLD]]
    more = [f"and {len(listed) - MOST_TOLD:,} more statements"] if len(listed) > MOST_TOLD else []
    head = ["not understood, or not taken over, by the lines of the code:"] if listed else []
    return (*head, *shown, *more)


def _sets_of_terms(term: str) -> list[list[str]]:
    """Return the terms of each alternative that one stands for, none where it takes the data's columns."""
    try:
        alternatives = expand(parse(term), {}, (), 1.0, MOST_ALTERNATIVES)
        each = ([re.sub(r"^[lf]\((.*), 0\)$", r"\1", write(t)) for t in chain(one, "+")] for one in alternatives)
        return [[t for t in terms if t != "1"] for terms in each]
    except LanguageError:
        return []


def _lines(lines: Iterable[int]) -> str:
    """Return "line 3" or "lines 3, 5 (2 times) and 9"."""
    counts = Counter(sorted(lines))
    told = [f"{line}" + (f" ({count} times)" if count > 1 else "") for line, count in counts.items()]
    cut = told[:MOST_LINES] + ([f"{len(told) - MOST_LINES} more"] if len(told) > MOST_LINES else [])
    return f"line {cut[0]}" if len(told) == 1 else f"lines {', '.join(cut[:-1])} and {cut[-1]}"


def code_draft(code: ReadCode, name: str, treatment: tuple[str, str], data: str | None, stem: str) -> str:
    """Write the draft; ``data`` is the file as the spec names it, None where no file is known."""
    term, why = treatment
    own = [r for r in code.regressions if term in r.terms]
    kept = _apart(own, term)
    rows = _rows(kept, term)
    options = [list(dict.fromkeys(row[k] for row in rows)) for k in range(len(DIMENSIONS))]
    labels = {(d, o): _label(d, o) for d, those in zip(DIMENSIONS, options, strict=True) for o in those}
    labels["treatment", term] = term
    labels |= _as_called(labels, code.renamed)
    labels |= _without_common(options[DIMENSIONS.index("sample")], code)
    vcovs = [pair for pair, _ in Counter((r.vcov, r.ssc) for r in kept).most_common()]
    blocks = [
        _head(name, stem, len(own)),
        _study(code, data, stem, kept),
        _derived(code, kept, term),
        _table(DIMENSIONS[0], options[0], code, labels),
        ["[treatment]", *comment(f"Chosen because it {why}." if why.startswith("stands") else f"Chosen: {why}."),
         f"{toml_text(labels['treatment', term])} = {toml_text(term)}"],
        *(_table(dimension, options[k], code, labels) for k, dimension in enumerate(DIMENSIONS) if k),
        _vcov(vcovs, [*_unstated(kept), *code.comments.get("vcov", ()), *code.comments.get("alone", ())]),
        _merged(rows, kept),
        _together(rows, options, labels),
        _preferred(rows, options, kept, labels),
        _inference(vcovs),
        _by_line(own, code),
        _skipped(_listed(code, term), of_r=name.casefold().endswith(".r")),
    ]  # fmt: skip
    return "\n".join("".join(f"{line}\n" for line in lines) for lines in blocks if lines)


def _listed(code: ReadCode, term: str) -> dict[int, Counter[tuple[str, str]]]:
    """Return by line what is not taken over, each with its reason, and how often."""
    left = [
        (
            r.line,
            f"{r.outcome} ~ {' + '.join(r.terms) or f'1 | {r.effects}'}",
            _lacks(r.terms, term) + (_meant(r.terms, term, code) if r.terms else _of_levels(r, term, code)),
        )
        for r in code.regressions
        if term not in r.terms
    ]
    found: dict[int, Counter[tuple[str, str]]] = {}
    for line, text, why in [*code.skipped, *left]:
        found.setdefault(line, Counter())[text, why] += 1
    return found


def _lacks(terms: Sequence[str], term: str) -> str:
    """Say that ``term`` is none of the terms, and where it is a part of one."""
    part = next((one for one in terms if columns_of(term) and columns_of(term) <= columns_of(one)), None)
    return f"without `{term}`" if part is None else f"`{term}` is no term of its own, but a part of `{part}`"


def _meant(terms: Sequence[str], term: str, code: ReadCode) -> str:
    """Point to the event study where terms are leads and lags, or years, and to placebos where one is a fake treatment.

    That is one by its name, or where it is made as ``term`` is, but for a number.
    """
    time, made = code.time, code.derived
    own = {t: code.called.get(t, (t, 0))[0] for t in (*terms, term)}  # the code's name, of one version of several
    if again := next((t for t in terms if t != term and own[t] == own[term]), None):
        later, line = again in code.called, code.called.get(again, code.called.get(term, ("", 0)))[1]
        version = f"`{own[term]}` as {f'line {line} makes it' if later else f'it is before line {line}'}"
        return f". Here: `{again}` is {version}: `--treatment {again}`, or a second option of [treatment]"
    by_year = '[event_study], with time = "calendar" and reference; of several cohorts see `specdid explain '
    by_year += "event_study.time`"
    of_levels = rf"i\({re.escape(time or '')},|(?:.*:)?factor\({re.escape(time or '')}\)"
    if time is not None and any(re.match(of_levels, t) for t in terms):
        return f". Here: an event study by year is {by_year}"
    own_year = re.compile(rf"(?<![\w.]){re.escape(time or '')} == \d")
    years = [t for t in terms if time and own_year.search(made.get(t, ""))]
    named = r"(?i)(?:leads?|lags?|pre|post|before|after|rel|event|evt?|[fld])\w*?_?\d+"
    numbered = [t for t in terms if re.fullmatch(named, own[t])]
    calendar = all(re.search(r"(?<!\d)(?:19|20)\d\d$", t) for t in numbered)
    if len(years) > 1 or (len(numbered) > 1 and calendar):
        return f". Here: {_first_two(years if len(years) > 1 else numbered)} are periods of {by_year}"
    if told := _event_study(terms, code):
        return f". Here: {told}"
    if len(numbered) > 1:
        return f". Here: {_first_two(numbered)} are periods of {EVENT_STUDY}"
    if any(
        ((of := re.match(r"i\((\w+)", t)) and _counts_periods(of[1], code))
        or re.match(r'regex\("\^(?:pre|post|lead|lag)', t)
        for t in terms
    ):
        return f". Here: an event study is {EVENT_STUDY}"

    def shape(name: str) -> str:
        return re.sub(r"\d+", "1", made.get(name, ""))

    fake = next((t for t in terms if re.search(r"(?i)placebo|fake|pseudo", t) and t.isidentifier()), None)
    fake = fake or next((t for t in terms if "1" in shape(t) and shape(t) == shape(term)), None)
    return f". Here: a fake treatment, as `{fake}` may be, is [placebo]" if fake else ""


def _counts_periods(name: str, code: ReadCode) -> bool:
    """Say whether a factor is one of periods, as that of a treatment's slopes, i(treat, x), is not."""
    shown = code.called.get(name, (name, 0))[0]
    named = re.search(r"(?i)rel|ev(?:en)?t|time|year|period|lead|lag|since|until|(?:^|_)[tk]\d*$", shown)
    made = parse(code.derived.get(name, "1"))
    moved = (one for one in walk(made) if isinstance(one, Binary) and one.operator in "+-")
    return named is not None or any(Name(code.time or "") in children(one) for one in moved)


_PERIOD = re.compile(
    r"(?i)(?P<before>leads?|f|pre|before|minus)?(?(before)|(?:lags?|l|post|after|plus))_?(?P<n>\d{1,2})"
)
"""A lead or lag by its name: leads are periods before the first treated one."""


def _period(term: str, code: ReadCode) -> tuple[int, str] | None:
    """Return the period since treatment that a term is of, and its column, with ~ of a lag, "" for a name alone."""
    if moved := re.fullmatch(r"([lf])\((\w+), (\d+)\)", term):
        return int(moved[3]) * (1 if moved[1] == "l" else -1), f"~{moved[2]}"
    if of := re.match(r"(\w+) (?:==|>=|<=) (-?\d{1,3})$", code.derived.get(term, "")):
        return int(of[2]), of[1]
    named = _PERIOD.fullmatch(code.called.get(term, (term, 0))[0])
    return (int(named["n"]) * (-1 if named["before"] else 1), "") if named else None


def _event_study(terms: Sequence[str], code: ReadCode) -> str:
    """Return the lines of [event_study] that stand for leads and lags made by hand, "" where that is not sure."""
    found = {term: period for term in terms if (period := _period(term, code)) is not None}
    shown = {of for _, of in found.values()}
    moved = next((of[1:] for of in shown if of.startswith("~")), "")
    if moved in terms:
        found[moved] = 0, f"~{moved}"
    periods = [n for n, _ in found.values()]
    stays = code.stays.get(moved)
    if stays is False or len(shown) != 1 or len(periods) < 2 or len({*periods}) < len(periods) or min(periods) >= 0:
        return ""
    least, most = min(periods), max(*periods, 0)
    left = [n for n in range(least, 0) if n not in periods]
    if moved:  # its first lead is the change from the period before
        least, left = least - 1, [-1]
    elif not left:
        least, left = least - 1, [least - 1]
    reference = f"reference = {left[0]}" if len(left) == 1 else "reference, one of the periods that are left out"
    window = f"window = [{min(least, -2)}, {most}] and {reference}"
    if not moved:
        return f"{_first_two([*found])} are periods of [event_study], with the cohort at the treatment, {window}"
    if_so = "which stays 1" if stays else "where it stays 1 once it is 1"
    treated = f'{{ term = "{moved}", cohort = "first({moved} == 1)" }} as the treatment'
    told = f"{_first_two([*found])} are periods of [event_study], with {treated}, {window}"
    return f"{told}; of `{moved}`, {if_so}, a lead or lag is the change from one period to the next"


def _of_levels(r: Regression, term: str, code: ReadCode) -> str:
    """Point to the event study where a regression without terms absorbs levels besides those of unit and time."""
    effects = re.split(r"\s*\+\s*", r.effects)
    more = [one for one in effects if not {*one.split("^")} <= {code.unit, code.time, "0"}]
    if code.time and (joint := next((e for e in more if "^" in e and code.time in e.split("^")), None)):
        return _meant([f"i({code.time}, {joint})"], term, code).replace(". Here", f"; `{joint}` is absorbed. Here", 1)
    if not more:
        return ""
    told = f"; the levels of `{more[-1]}` are absorbed. Here: if it counts periods from the treatment on, that is"
    return f"{told} {EVENT_STUDY}"


def _first_two(terms: Sequence[str]) -> str:
    return " and ".join(f"`{t}`" for t in terms) if len(terms) < 3 else f"`{terms[0]}`, `{terms[1]}` and so on"


def _options(r: Regression, term: str) -> tuple[str, ...]:
    controls = " + ".join(t for t in r.terms if t != term) or "1"
    return r.outcome, controls, r.effects, r.condition, r.weights, r.estimator


def _rows(kept: Sequence[Regression], term: str) -> list[tuple[str, ...]]:
    """Return the options of every regression; terms and effects in another order are the same option."""
    first: dict[tuple[int, frozenset[str]], str] = {}
    found = [_options(r, term) for r in kept]
    for k, row in enumerate(found):
        same = [first.setdefault((at, _summands(text)), text) if at in (1, 2) else text for at, text in enumerate(row)]
        found[k] = tuple(same)
    return found


def _apart(kept: Sequence[Regression], term: str) -> Sequence[Regression]:
    """Write c(), sw() and the like out where an alternative of one regression is one of another, else leave them."""
    alternatives = [(k, one) for k, r in enumerate(kept) for one in _alternatives(r, term)]
    of_row: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    compact = _rows(kept, term)
    for (k, _), row in zip(alternatives, _rows([one for _, one in alternatives], term), strict=True):
        of_row.setdefault(row, set()).add(compact[k])
    return [one for _, one in alternatives] if any(len(owners) > 1 for owners in of_row.values()) else kept


def _alternatives(r: Regression, term: str) -> list[Regression]:
    """Return the single regressions that one stands for; itself where that takes the data's columns, or too many."""
    controls = " + ".join(t for t in r.terms if t != term) or "1"
    texts = ((r.outcome, 1.0), (controls, 1.0), (r.effects, 0.0))
    try:
        outcomes, terms, effects = (
            [write(node) for node in expand(parse(text), {}, (), empty, MOST_ALTERNATIVES)] for text, empty in texts
        )
    except LanguageError:
        return [r]
    if len(outcomes) * len(terms) * len(effects) in range(2, MOST_ALTERNATIVES + 1):
        return [
            replace(r, outcome=y, terms=(term, *([] if x == "1" else [x])), effects=e)
            for y, x, e in product(outcomes, terms, effects)
        ]
    return [r]


def _summands(text: str) -> frozenset[str]:
    try:
        return frozenset(write(node) for node in chain(parse(text), "+"))
    except LanguageError:
        return frozenset({text})


def _merged(rows: Sequence[tuple[str, ...]], kept: Sequence[Regression]) -> list[str]:
    """Say which regressions are one specification, and whether in standard errors alone they differ."""
    lines: list[str] = []
    for row in dict.fromkeys(rows):
        those = [r for r, other in zip(kept, rows, strict=True) if other == row]
        if len(those) > 1:
            differ = ", but for the standard errors" if len({(r.vcov, r.ssc) for r in those}) > 1 else ""
            lines += comment(f"{_lines(r.line for r in those).capitalize()} are the same specification{differ}.")
    return [*dict.fromkeys(lines)]


def _head(name: str, stem: str, count: int) -> list[str]:
    return [
        *comment(
            f"A draft of the {count} regression{'s' * (count != 1)} in {one_line(name)}, by `specdid init --from`. "
            "The code was read and not run. What was not understood is listed at the end; COMPLETE marks what code "
            "cannot say."
        ),
        "#",
        *(f"#   specdid {command:<5} {one_line(stem)}.toml" for command in ("check", "plan", "run")),
    ]


def _study(code: ReadCode, data: str | None, stem: str, kept: Sequence[Regression]) -> list[str]:
    lines = ["[study]", f"title = {toml_text(f'{one_line(stem)}: draft')}"]
    if data is not None:
        lines.append(f"data  = {toml_text(data)}")
    else:
        said = f" The code reads {one_line(code.data)}." if code.data else ""
        lines += [*comment(f"COMPLETE: the data file.{said}"), '# data = "…"']
    for role, column in (("unit", code.unit), ("time", code.time)):
        if column is not None:
            lines.append(f"{role}  = {toml_text(write_name(column))}")
        else:
            why = code.comments.get(role) or ["the code does not say it; lags and event studies need it"]
            lines.append(f'# {role} = "…"  # COMPLETE: {why[0]}')
    if code.step is not None:
        lines.append(f"step  = {code.step}")
    return [*lines, *(line for text in code.comments.get("study", ()) for line in comment(text))]


def _derived(code: ReadCode, kept: Sequence[Regression], term: str) -> list[str]:
    """Write what the code derives and the regressions use, directly or through each other."""
    texts = {text for r in kept for text in (*_options(r, term)[:5], term, *[r.vcov] * r.vcov.startswith("~"))}
    wanted = {name for text in texts for name in columns_of(text)}
    used: dict[str, str] = {}
    while more := [n for n in code.derived if n in wanted and n not in used]:
        for name in more:
            used[name] = code.derived[name]
            wanted |= columns_of(used[name])
    left = {name: made for name, made in code.unread.items() if name in wanted}
    rows: list[str] = []
    done: set[str] = set()
    unused = dict([*code.unused.items()][:MOST_UNUSED])
    head = comment("Made by the code, and named only by lines that are listed at the end; for [derive]:")

    def put(name: str) -> None:
        """Write a column behind those that it, or a listed line, is made of."""
        made = used.get(name) or unused.get(name, "")
        needs = code.needed.get(left[name][1], ()) if name in left else columns_of(made)
        done.add(name)
        for other in [n for n in (*code.derived, *left, *unused) if n in needs and n not in done]:
            if other in used or other in left or other in unused:
                put(other)
        if name in left:
            rows.extend(_open(name, *left[name]))
        elif name in used:
            rows.append(f"{_key(name)} = {toml_text(made)}")
        else:
            rows.extend(
                [*([] if rows[-1:] and rows[-1] in written else head), line := f"# {_key(name)} = {toml_text(made)}"]
            )
            written.add(line)

    written: set[str] = set()
    for name in [*[n for n in code.derived if n in used], *left, *unused]:
        if name not in done:
            put(name)
    changed = [line for at, text in code.notes for line in comment(f"Line {at}: {text}.")]
    told = [line for text in code.comments.get("derive", ()) for line in comment(text)]
    return (
        ["[derive]", *(comment("As the code makes them.") if used else ()), *told, *changed, *rows]
        if used or left
        else [*changed, *rows]
    )


def _open(name: str, column: str, line: int) -> list[str]:
    """Leave a place for a column, or a condition of rows, that a line makes and that is not read."""
    if not column:
        said = (
            f"COMPLETE: line {line} may change rows or values, and how is not read (see the end, also for lines before "
            "it). Write which rows are left, or TRUE where the data are as that line leaves them"
        )
        return [*comment(f"{said}:"), f'# {_key(name)} = "TRUE"']
    said = (
        f"COMPLETE: line {line} makes `{one_line(column)}`, and how is not read (see the end). Write it here, or "
        "have it in the data"
    )
    if name == column:
        return [*comment(f"{said}."), f'# {_key(name)} = "…"']
    said += f" as `{one_line(name)}`, as it is called here after that line"
    return [*comment(f"{said}:"), f"# {_key(name)} = {toml_text(write_name(column))}"]


def _key(name: str) -> str:
    written = write_name(name)
    return written if re.fullmatch(r"[A-Za-z0-9_]+", written) else toml_text(written)


_Labels = Mapping[tuple[str, str], str]
"""The label of every option, by its dimension and its text."""


def _table(dimension: str, options: Sequence[str], code: ReadCode, labels: _Labels) -> list[str]:
    if dimension in ("sample", "weights", "estimator") and len(options) == 1 and options[0] in ("TRUE", "1", "feols"):
        return []
    told = [line for text in code.comments.get(dimension, ()) for line in comment(text)]
    return [f"[{dimension}]", *told, *(f"{toml_text(labels[dimension, o])} = {toml_text(o)}" for o in options)]


def _label(dimension: str, option: str) -> str:
    plain = {("sample", "TRUE"): "all", ("weights", "1"): "unweighted", ("controls", "1"): "none"}
    if (dimension, option) in ((of, label) for (of, _), label in plain.items()):
        return f"column {option}"
    label = plain.get((dimension, option)) or (_NAMES[option] if dimension == "estimator" else option)
    if len(label) <= LONGEST_LABEL:
        return label
    return f"{label[: LONGEST_LABEL // 2]} … {zlib.crc32(label.encode()):08x}"  # alike at their beginnings, perhaps


def _as_called(labels: Mapping[tuple[str, str], str], renamed: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Return labels of options by the names that the code gives columns of the data, where no two become one."""
    if not renamed:
        return {}
    names = "|".join(map(re.escape, sorted(renamed, key=len, reverse=True)))
    word = re.compile(rf"\"[^\"]*\"|(?<![\w.`])(?:{names})(?![\w.`(])")
    found = {
        key: word.sub(lambda m: renamed.get(m[0], m[0]), label)
        for key, label in labels.items()
        if label == key[1]  # neither one of our own nor cut
    }
    made = {**labels, **found}
    distinct = len({(dimension, label) for (dimension, _), label in made.items()}) == len(made)
    return {key: label for key, label in found.items() if len(label) <= LONGEST_LABEL} if distinct else {}


def _without_common(samples: Sequence[str], code: ReadCode) -> dict[tuple[str, str], str]:
    """Return labels without the long condition that all samples have in common, which a comment says once."""
    parts: dict[str, list[str]] = {}
    try:
        for sample in samples:
            parts[sample] = [write(part) for part in chain(parse(sample), "&")]
    except LanguageError:
        return {}
    common = [part for part in parts[samples[0]] if all(part in own for own in parts.values())]
    if len(samples) < 2 or len(" & ".join(common)) < LEAST_COMMON:
        return {}
    found = {}
    for sample, own in parts.items():
        left = [part for part in own if part not in common]
        left = left if len(left) == 1 else [in_brackets(part) for part in left]
        found["sample", sample] = _label("sample", " & ".join(left) or "kept rows")  # "all" would be the whole file
    if len({*found.values()}) < len(found):
        return {}
    told = f"All samples have `{' & '.join(map(in_brackets, common))}`, which the labels leave out."
    code.comments.setdefault("sample", []).append(told)
    return found


def _vcov(vcovs: Sequence[tuple[str, str]], told: Sequence[str]) -> list[str]:
    lines = ["[vcov]", *(line for text in told for line in comment(text))]
    if len(vcovs) > 1:
        lines += comment(
            "The first, of most regressions, is on the curve; the others are further rows of every specification. "
            "Which regression had which is said by line below: where it is not the first, its error as the code has it "
            "is in results.csv, and in appendix_selected.csv beside the tables, which are by the first."
        )
    for formula, ssc in vcovs:
        label = _label_of_vcov(formula, ssc, vcovs)
        value = f"{{ formula = {toml_text(formula)}, ssc = {toml_text(ssc)} }}" if ssc else toml_text(formula)
        lines.append(f"{toml_text(label)} = {value}")
    return lines


def _unstated(kept: Sequence[Regression]) -> list[str]:
    """Say which regressions have errors by a default of fixest that is not the same in all of its versions."""
    lines = [r.line for r in kept if r.unstated]
    if not lines:
        return []
    named = {r.vcov for r in kept if r.unstated}
    place = "beside" if any(r.vcov in named and not r.unstated for r in kept) else "in place of"
    instead = f' `"iid" = "iid"` {place} {" and ".join(f"`{one}`" for one in sorted(named))}'
    return [
        f"COMPLETE: {_lines(lines)} state{'s' * (len({*lines}) == 1)} no vcov. fixest before 0.13 then clusters by the "
        "first fixed effect, or by the unit of panel.id, and that stands in [vcov] here; since 0.13 its errors are "
        f"iid: write{instead} if the code was run by such a version."
    ]


def _label_of_vcov(formula: str, ssc: str, vcovs: Sequence[tuple[str, str]]) -> str:
    label = formula if formula in ("~iid", "~hetero") else formula.removeprefix("~")
    return f"{label}, {ssc}" if ssc and len({v for v, _ in vcovs}) < len(vcovs) else label


def _other_errors(kept: Sequence[Regression]) -> str:
    """Say that the first regression has other errors than most, whose errors are those on the curve; else ""."""
    vcovs = [pair for pair, _ in Counter((r.vcov, r.ssc) for r in kept).most_common()]
    own = kept[0].vcov, kept[0].ssc
    if own == vcovs[0]:
        return ""
    here, curve = (_label_of_vcov(*pair, vcovs) for pair in (own, vcovs[0]))
    return (
        f'the standard errors of line {kept[0].line} are "{here}" of [vcov]; those on the curve, and of the preferred '
        f'specification there, are "{curve}", of most regressions. If the paper has the former, put "{here}" first in '
        "[vcov]"
    )


def _single(dimension: str, option: str) -> list[str]:
    """Return the options that one becomes that is written with c(), sw() and the like."""
    empty = {"outcome": 1.0, "controls": 1.0, "fixed_effects": 0.0}.get(dimension)
    if empty is None:
        return [option]
    try:
        return [write(node) for node in expand(parse(option), {}, (), empty, MOST_ALTERNATIVES)]
    except LanguageError:
        return [option]


def _together(rows: Sequence[tuple[str, ...]], options: Sequence[list[str]], labels: _Labels) -> list[str]:
    """Plan the combinations of the code alone, where a crossing would make others."""
    varying = [k for k, found in enumerate(options) if len(found) > 1]
    distinct = list(dict.fromkeys(tuple(row[k] for k in varying) for row in rows))
    crossed = prod(len(options[k]) for k in varying)
    if len(distinct) == crossed or len(varying) < 2:
        return []
    sizes = {k: {o: len(_single(DIMENSIONS[k], o)) for o in options[k]} for k in varying}
    planned = sum(prod(sizes[k][o] for k, o in zip(varying, row, strict=True)) for row in distinct)
    whole = prod(sum(sizes[k].values()) for k in varying)
    known = not any(re.search(r"\b(?:each|regex)\(", o) for k in varying for o in options[k])
    lines = [
        *comment(
            f"The {planned} combinations of the code's regressions. Without this table all {whole:,} are planned: "
            "which of the others are as defensible?"
            if known
            else f"The {len(distinct)} combinations of options that the code's regressions have. Without this table "
            f"all {crossed:,} of these are planned: which of the others are as defensible?"
        ),
        "[[together]]",
        "dimensions = [" + ", ".join(toml_text(DIMENSIONS[k]) for k in varying) + "]",
        "options    = [",
    ]
    for row in distinct:
        lines.append(
            "  [" + ", ".join(toml_text(labels[DIMENSIONS[k], o]) for k, o in zip(varying, row, strict=True)) + "],"
        )
    return [*lines, "]"]


def _preferred(
    rows: Sequence[tuple[str, ...]], options: Sequence[list[str]], kept: Sequence[Regression], labels: _Labels
) -> list[str]:
    """Propose the first regression that is read, where it is one specification."""
    varying = [k for k, found in enumerate(options) if len(found) > 1]
    first, line, errors = rows[0], kept[0].line, _other_errors(kept)
    errors = f" {errors[0].upper()}{errors[1:]}." if errors else ""
    several = [
        DIMENSIONS[k]
        for k, option in enumerate(first)
        if len(_single(DIMENSIONS[k], option)) > 1
        or re.search(r"\b(?:each|regex)\(", option)
        or any(option in _single(DIMENSIONS[k], other) for other in options[k] if other != option)
    ]
    if several:
        return comment(
            f"COMPLETE: which is the regression that the paper reports? The first one, line {line}, stands for several "
            f"by its {' and '.join(several)}: say it in [preferred], one option of each dimension."
        )
    if not varying:
        label = toml_text(labels[DIMENSIONS[0], first[0]])
        return [*comment("The one specification." + errors), "[preferred]", f"{DIMENSIONS[0]} = {label}"]
    return [
        *comment(
            f"Proposed: the first regression that is read, line {line}. COMPLETE: if the paper reports another "
            "as its main result, put that here." + errors
        ),
        "[preferred]",
        *(f"{DIMENSIONS[k]} = {toml_text(labels[DIMENSIONS[k], first[k]])}" for k in varying),
    ]


def _inference(vcovs: Sequence[tuple[str, str]]) -> list[str]:
    cluster = next((formula[1:] for formula, _ in vcovs if re.fullmatch(r"~(?:\w+|`[^`]+`)", formula)), None)
    if cluster is None:
        return [
            "[inference]",
            "draws = 0  # COMPLETE: no regression clusters by one column; tests of the curve need a cluster",
        ]
    return ["[inference]", "draws = 999", 'null  = ["wild"]', f"cluster = {toml_text(cluster)}"]


def _by_line(own: Sequence[Regression], code: ReadCode) -> list[str]:
    """Say of every line of the code which specification it is, and which errors it had."""
    lines = comment(f"The regression{'s by their lines' if len(own) > 1 else ' by its line'} in the code:")
    for r in own[:MOST_LISTED]:
        formula = f"{r.outcome} ~ {' + '.join(r.terms)}{f' | {r.effects}' if r.effects != '0' else ''}"
        more = [
            *([f"if {r.condition}"] if r.condition != "TRUE" else []),
            *([f"weights {r.weights}"] if r.weights != "1" else []),
            *([_NAMES[r.estimator]] if r.estimator != "feols" else []),
            f"vcov {r.vcov}{f', {r.ssc}' if r.ssc else ''}",
        ]
        lines += comment(one_line(f"{r.line}: {formula}; {'; '.join(more)}"), "  ")
        if told := _event_study(r.terms, code):
            lines += comment(f"   {told}", "  ")
    return lines


def _skipped(listed: Mapping[int, Counter[tuple[str, str]]], *, of_r: bool) -> list[str]:
    if not listed:
        return []
    reading = 'what reads that file into the frame (`df <- read.csv("clean.csv")`)' if of_r else "`use` of that file"
    lines = [
        *comment(
            "Not understood, or not taken over. What has to be done in the data before: save the data after that line, "
            f"and write {reading} into the code there (with --data alone the lines before are applied again). "
            "Line of the code, what stands there, why:"
        )
    ]
    for line, found in sorted(listed.items())[:MOST_LISTED]:
        shown = [*found][:MOST_LISTED]
        more = found.total() - len(shown)
        for k, (text, why) in enumerate(shown):
            rest = f"; and {more:,} more of this line" if more and k == len(shown) - 1 else ""
            lines += comment(f"{line}: {one_line(text)[:LONGEST_SHOWN]}  ({one_line(why)}{rest})", "  ")
    if len(listed) > MOST_LISTED:
        lines.append(f"# and {len(listed) - MOST_LISTED:,} more")
    return lines


def code_findings(code: ReadCode, treatment: tuple[str, str]) -> list[str]:
    """Return what is printed of a draft of code."""
    term, why = treatment
    taken = sum(term in r.terms for r in code.regressions)
    lines = [f"{taken} of {len(code.regressions)} regressions that were understood have `{term}`, the treatment: {why}"]
    own = _apart([r for r in code.regressions if term in r.terms], term)
    specifications = len({*_rows(own, term)})
    several = [*dict.fromkeys(one for r in own for one in re.findall(r"\b(?:each|regex)\([^()]*\)", r.condition))]
    these = f"{specifications} specification{'s' * (specifications != 1)}" if specifications < len(own) else ""
    if these:
        lines.append(f"{len(own)} regressions are {these}; the draft says which are the same")
    if several:
        lines.append(
            f"more than {these or f'these {specifications}'} are planned: `{several[0]}` stands for one for each level"
            + f", as {len(several) - 1} more do for theirs" * (len(several) > 1)
        )
    if told := _other_treatment(code, term):
        lines.append(told)
    lines += _unstated(own)
    if listed := len(_listed(code, term)):
        said = "what stands in 1 line was" if listed == 1 else f"what stands in {listed} lines was"
        lines.append(f"{said} not understood or not taken over; the draft lists it at its end")
    if own and (told := _other_errors(own)):
        lines.append(told)
    lines += [f"line {line}: {text}" for line, text in code.notes[:20]]
    return lines


def _other_treatment(code: ReadCode, term: str) -> str:
    """Name what stands first in most of the regressions without ``term``, "" where these are no others' effects."""
    others = [r for r in code.regressions if r.terms and term not in r.terms]
    others = [r for r in others if not _meant(r.terms, term, code)]
    others = [r for r in others if _may_be_treatment(r.terms[0])]
    if not others:
        return ""
    first, count = Counter(_may_be_treatment(r.terms[0]) for r in others).most_common(1)[0]
    lines = [r.line for r in others]
    those = f"{len(lines)} regressions without `{term}` are" if len(lines) > 1 else f"1 regression without `{term}` is"
    wider = {
        one for r in others if _may_be_treatment(r.terms[0]) == first for one in r.terms if first in one.split(":")[:-1]
    }
    product = f", or {shlex.quote(max(wider, key=len))} where the product is the effect" if wider else ""
    return (
        f"{those} not in this draft ({_lines(lines)}), which has one treatment: another is a draft "
        f"of its own, with --treatment {shlex.quote(first)} "
        f"(first in {count} of these){product}, and another directory"
    )


def refuse_applied_twice(code: ReadCode, name: str, data: str) -> None:
    """Refuse data that hold what lines of the code make; note lines that may be applied to them a second time.

    Raises
    ------
    SpecError
        The code makes a column, which in Stata is an error where there is one, and the data have it.
    """
    named = PurePath((code.data or data).replace("\\", "/"))
    if data in (named.name, f"{named.name}.dta"):
        return
    if code.made_again:
        line, column = code.made_again[0]
        message = (
            f"`{data}` has `{column}` already, which line {line} of {name} makes: it was saved after that line, "
            "and the lines before would be applied to it a second time"
        )
        help_ = (
            f'write `use "{data}", clear` into {name} at the line after which it was saved, and run this without '
            f"--data; where it is the file that {name} reads, `{column}` added to it, take line {line} out of the code"
        )
        notes = tuple(f"line {at} makes `{one}`, too" for at, one in code.made_again[1:8])
        raise SpecError([Fault("draft_applied_twice", message, help=help_, notes=notes)])
    for line, column in code.changed_again:
        told = (
            f"changes `{column}` of {named.name} by itself. The data are {data}: where that was saved after this line, "
            f'it is changed a second time; then write `use "{data}", clear` into the code there, and leave --data out'
        )
        code.notes.append((line, told))


def named_file(code: ReadCode) -> PurePath | None:
    """Return the data file that the code names, if it is a file of this machine."""
    if code.data is None or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", code.data) or re.search(r"[`$*?|]", code.data):
        return None
    path = PurePath(code.data.replace("\\", "/"))
    return path if path.suffix else path.with_suffix(".dta")
