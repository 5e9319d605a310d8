"""What is said of a curve beside its tests: choices, sensitivity, a referee's questions; and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._curve import Curve
from specdid._describe import design_warnings
from specdid._describe.choices import Choices, describe_choices
from specdid._describe.clusters import ClusterFacts, cluster_cautions, cluster_facts, cluster_rows, cluster_section
from specdid._describe.conditional_effects import conditional_effects
from specdid._describe.curve_tests import CurveTests, marked, shares_words, statistic_names
from specdid._describe.design_warnings import by_treatment, contradictions
from specdid._describe.instruments import instrument_cautions
from specdid._describe.sensitivity import sensitivity
from specdid._records import Caution, Results, Section, Status
from specdid._records.cautions import RUN, Against, against, beside, capital
from specdid._records.numerals import counted, minus, p_digits
from specdid._run.write import Drawing, FigureFiles, page_formats, write_text
from specdid._study import INSTRUMENTS
from specdid._words import say, told
from specdid.engine.compile import Compiled
from specdid.figures._base import FigureKind
from specdid.language.scope import sources
from specdid.report.summary import choice_section, sensitivity_section
from specdid.tables._base import PrintTable, Row, TidyTable, csv_text, unusable

_COUNTS = ("nobs", "n_missing", "n_log0", "n_always_treated")
"""What an estimator's cautions may read beside its own columns."""
_SHELVES = ("tables", "figures")
"""Of which every plug-in writes files of every run."""


@dataclass(frozen=True, slots=True)
class Described:
    """Descriptions of a curve: numbers, and their words for the summary."""

    choices: tuple[Choices, ...] = ()
    sections: tuple[Section, ...] = ()
    warnings: tuple[Caution, ...] = ()
    clusters: tuple[ClusterFacts, ...] = ()


def describe(
    compiled: Compiled,
    results: Results,
    tests: tuple[CurveTests, ...],
    methods: Sequence[str] = (),
    cluster: Ints | None = None,
    words: str = "",
    expected: Floats | None = None,
    arms: Ints | None = None,
    never_alone: bool = False,
) -> Described:
    """Describe a finished run.

    ``methods`` are the names of the study's estimators, in its order; ``cluster`` the codes that
    tests of the curve cluster by, and ``words`` their name; ``expected`` the sign expected of each
    estimate, NaN where its outcome has none; ``arms`` the factor of which each treatment is an arm, else -1;
    ``never_alone`` whether an estimator compares with the never treated alone.
    """
    of_changes = [bool(_plugins.load("estimators", method).changes) for method in methods]
    facts = cluster_facts(compiled, results, cluster, words, arms, of_changes)
    found = tuple(describe_choices(results, f) for f in results.families if len(f.places) > 1)
    sections = [choice_section(c, alone=len(found) == 1) for c in found]
    sections += [_sensitivity(compiled, results), cluster_section(facts)]
    said = (
        *_of_estimators(results, methods),
        *_warnings(compiled, results, tests, facts, expected, never_alone),
    )
    return Described(found, tuple(sections), said, facts)


def _of_estimators(results: Results, methods: Sequence[str]) -> Iterator[Caution]:
    """Return what estimators say against their own estimates."""
    chosen = results.planned.codes[:, results.planned.dimensions.index("estimator")] if methods else np.zeros(0)
    for e, method in enumerate(methods):
        cautions = _plugins.load("estimators", method).cautions
        mine = (chosen == e) & (results.status == Status.OK)
        if cautions is not None and mine.any():
            said = by_treatment(results, mine, partial(_asked, results, cautions))
            label = results.planned.labels[results.planned.dimensions.index("estimator")][e]
            for one in said:
                named = label if one.where == RUN else f"{label}, {one.where}"
                yield replace(one, where=named) if methods.count(method) > 1 else one


def _asked(
    results: Results, cautions: Callable[[Mapping[str, Floats]], Iterable[Caution]], mine: Bools
) -> Iterable[Caution]:
    found = {name: values[mine] for name, values in results.extra.items()}
    return cautions(found | {name: results.first(name)[mine] for name in _COUNTS})


def _of_instruments(results: Results) -> Iterator[Caution]:
    """Return what speaks against two-stage least squares, for each option of [instruments]."""
    if INSTRUMENTS not in results.planned.dimensions:
        return
    place = results.planned.dimensions.index(INSTRUMENTS)
    for option, label in enumerate(results.planned.labels[place]):
        mine = (results.planned.codes[:, place] == option) & (results.status == Status.OK)
        said = tuple(instrument_cautions({name: values[mine] for name, values in results.extra.items()}))
        yield from beside(label, said)


def _member(compiled: Compiled, place: int) -> int:
    """Return the position of a plain least-squares member by its place in the plan, or -1."""
    members = compiled.members
    at = int(np.searchsorted(members.index, place)) if place >= 0 else len(members)
    if at == len(members) or members.index[at] != place:
        return -1
    return at if compiled.batched[at] and members.sunab[at] < 0 else -1


def _sensitivity(compiled: Compiled, results: Results) -> Section:
    place = results.preferred
    if place < 0 or results.status[place] != Status.OK:
        return sensitivity_section(None)
    at = _member(compiled, place)
    if at < 0:
        return sensitivity_section(None, say("It is not plain least squares: robustness value and δ are not defined."))
    return sensitivity_section(sensitivity(compiled.problem, compiled.members, at))


def permuted(tests: Sequence[CurveTests], of: int) -> str | None:
    """Say what p the median t has under the permutation nulls; None where the run has none of them."""
    mine = [t for t in tests if t.null.startswith("permutation")]
    found = [(t.null == "permutation_refit", j) for t in mine for j in t.tests if j.kind == "median t"]
    said = [
        f"{'by refits ' if again else ''}p = {p_digits(j.p_value)} for {j.specifications:,} of {of:,} specifications"
        for again, j in found
    ]
    return (f" (here {', and '.join(said)})" if said else "") if mine else None


def _warnings(
    compiled: Compiled,
    results: Results,
    tests: tuple[CurveTests, ...],
    facts: tuple[ClusterFacts, ...],
    expected: Floats | None,
    never_alone: bool,
) -> Iterator[Caution]:
    drawn = (min(t.clusters for t in tests), min(t.treated for t in tests)) if tests else None
    dealt = permuted(tests, int(np.count_nonzero(results.status == Status.OK)))
    yield from cluster_cautions(facts, results, drawn, dealt, never_alone)
    yield from design_warnings.left_out(results)
    yield from design_warnings.never_before(results, compiled)
    yield from _of_instruments(results)
    yield from design_warnings.tiny_errors(results)
    yield from design_warnings.no_errors(results)
    yield from design_warnings.near_collinear(results, compiled)
    yield from conditional_effects(results, compiled)
    yield from design_warnings.same_estimates(results)
    yield from design_warnings.samples(results, compiled)
    medians = [p for t in tests for p in t.null_medians]
    yield from contradictions(results, medians, _columns(compiled, results), expected)
    ok = np.flatnonzero((results.status == Status.OK)[compiled.members.index])
    at = _member(compiled, results.preferred)
    plain = [m for m in ok.tolist() if compiled.batched[m] and compiled.members.sunab[m] < 0] if at < 0 else [at]
    if plain:
        found = design_warnings.responding(compiled, plain[0], ok)
        yield from design_warnings.bad_controls(found, results.planned.vcovs[0], "preferred" if at >= 0 else "first")


def _columns(compiled: Compiled, results: Results) -> dict[str, frozenset[str]]:
    """Return for every outcome the data columns that it is made of."""
    members, recipes, found = compiled.members, compiled.value_recipes, {}
    outcome = results.planned.dimension("outcome")
    for code in np.unique(outcome.codes[members.index]).tolist():
        made = np.unique(members.outcome[outcome.codes[members.index] == code]).tolist()
        found[outcome.words[code]] = frozenset(name for c in made for b in recipes[c].bounds for name in sources(b))
    return found


def write_described(curve: Curve, directory: Path, files: FigureFiles) -> tuple[tuple[Drawing, ...], list[Caution]]:
    """Write choices.csv and inference.tex; return the figures to be drawn, and which plug-ins are broken."""
    results, tests, found = curve.results, curve.tests, against(curve.warnings)
    _write_if_any(_choices_csv(curve.choices), directory / "choices.csv")
    measured = TidyTable(("measure", "value", "clustered_by"), cluster_rows(curve.clusters))
    _write_if_any(csv_text(measured) if measured.rows else "", directory / "inference_clusters.csv")
    if tests:
        table = unusable(inference_table(tests, results, found), found.failed)
        for printer in _plugins.every("tables"):
            write_text(printer.write(table), directory / f"inference{printer.ending}")
    null_medians = tuple(p for t in tests for p in t.null_medians)
    said = [Caution("serious", "plugin_failed", why) for shelf in _SHELVES for why in _plugins.broken(shelf).values()]
    return tuple(_drawings((results, null_medians), files, found.shown(results.planned.shown))), said


def _drawings(given: tuple[object, ...], files: FigureFiles, found: Against) -> Iterator[Drawing]:
    for figure in _plugins.every("figures"):
        if figure.curve is not None:
            kinds = replace(files, formats=page_formats(files.formats) if figure.on_page else files.formats)
            shown = partial(_shown, figure, given, found)
            yield Drawing(figure.name, shown, figure.name, kinds, f"the figure {figure.name}")


def _shown(figure: FigureKind, given: tuple[object, ...], found: Against) -> Any:
    assert figure.curve is not None
    data = figure.curve(*given)
    words = {"doubt": found.brief, "verdict": found.verdict}
    return replace(data, **{name: text for name, text in words.items() if hasattr(data, name)}) if data.panels else None


def _write_if_any(text: str, path: Path) -> None:
    if text:
        write_text(text, path)


def _choices_csv(found: tuple[Choices, ...]) -> str:
    header = ("scale", "estimand", "measure", "dimension", "choice", "option", "reference", "value", "pairs")
    rows: list[tuple[str | float | int | None, ...]] = []
    for c in found:
        key = c.family.key
        rows += [
            (*key, "variance share", f.dimension, f.name, None, None, float(s), None)
            for f, s in zip(c.factors, c.shares.share, strict=True)
        ]
        rows.append((*key, "variance share", None, "combinations of choices", None, None, c.shares.rest, None))
        for change in (*c.changes, *c.variables):
            f = change.factor
            labels = (f.labels[change.level], f.labels[f.reference])
            rows.append((*key, "mean change", f.dimension, f.name, *labels, change.mean, change.pairs))
        s = c.spread
        numbers = {
            "modelling variance": s.modelling,
            "sampling variance": s.sampling,
            "spread ratio": s.ratio,
            "robustness ratio": s.robustness,
            "sign stability": s.sign,
        }
        rows += [(*key, name, None, None, None, None, value, None) for name, value in numbers.items()]
    return csv_text(TidyTable(header, tuple(rows))) if rows else ""


def inference_table(tests: tuple[CurveTests, ...], results: Results, found: Against) -> PrintTable:
    """Lay the joint tests out for print, a block per null; what stands against them is the last of the notes."""
    names = statistic_names(tests, results)
    blocks = tuple((Row(capital(told(t.title)), ("", "", "")), *_test_rows(t, names)) for t in tests)
    draws = say("; ").join(
        say(
            "{title}: {specifications}, {drawn}",
            title=told(t.title),
            specifications=counted(len(t.index)),
            drawn=told(t.drawn, True),
        )
        for t in tests
    )
    notes = (
        say("{sample}.", sample=capital(draws)),
        say(
            "p is the share of draws, the data among them, that are at least as far from zero; 95% of the draws are no "
            "farther from zero than the ends of the null range (their own middle may lie elsewhere), and beyond it "
            "p ≤ 0.05. Tests other than the primary one are secondary."
        ),
        *dict.fromkeys(text for t in tests if (text := told(t.direction, True))),
        *shares_words(tests),
        *_common(tests, results),
        *([found.verdict] if found.verdict else []),
    )
    return PrintTable(
        say("Tests of the specification curve"), (say("Value"), say("Null range"), "p"), blocks, notes=notes
    )


def _common(tests: tuple[CurveTests, ...], results: Results) -> Iterator[str]:
    """Say what all medians are of, which their rows leave out."""
    groups = {results.planned.shown(p.group): None for t in tests for p in t.null_medians}
    estimands = {told(p.estimand): None for t in tests for p in t.null_medians}
    kinds = ((say("Scale"), list(groups)), (say("Estimand"), list(estimands)))
    yield from (
        say("{word} of all medians: {name}.", word=word, name=names[0]) for word, names in kinds if len(names) == 1
    )


def _test_rows(tests: CurveTests, names: Mapping[str, str]) -> tuple[Row, ...]:
    return tuple(
        Row(
            marked(r, capital(told(names.get(r.statistic, r.statistic)))),
            (
                minus(f"{r.value:.3g}"),
                minus(say("{low} to {high}", low=f"{r.low:.3g}", high=f"{r.high:.3g}")),
                p_digits(r.p_value),
            ),
        )
        for r in tests.tests
    )
