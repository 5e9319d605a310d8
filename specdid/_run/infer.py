"""Joint tests of the curve: which specifications enter, under which nulls, what they find, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._describe.curve_tests import (
    CurveTests,
    NullMedian,
    adjust,
    marked,
    median_estimate,
    null_median,
    rank_band,
    share_words,
    shares_by_estimand,
    statistic_tests,
)
from specdid._diagnostics import first_few
from specdid._plan import Plan
from specdid._records import Caution, JointTest, NullShares, Results, Section, Status
from specdid._records.cautions import beside
from specdid._records.numerals import counted, minus, p_digits, specifications
from specdid._run.prepare import Prepared
from specdid._run.write import NullFigure, first_bands, first_nulls, write_bands, write_text
from specdid._study import Core, FigureOptions
from specdid._words import later, said_list, say, sentences, told
from specdid.engine.compile import Compiled
from specdid.engine.execute import Progress
from specdid.engine.store import Store
from specdid.figures._curve_order import whole_curves
from specdid.inference._base import Context, Null, NullDraws, draw_null
from specdid.inference._batches import with_cluster, with_error
from specdid.inference._permutation_strategy import split
from specdid.inference.permutation_refit import BUDGET, affordable
from specdid.language import bind

NO_NULL_OF_INSTRUMENTS = (
    "neither null is one of two-stage least squares; `ar_p` in the results tests each specification for no effect, "
    "whatever the strength of its instruments"
)
SAME_ESTIMATE = 1e-4
"""Standard errors by which a null's own estimate may differ from the specification's."""
_NAMED = 4


def run_nulls(
    prepared: Prepared,
    compiled: Compiled,
    results: Results,
    jobs: int,
    progress: Progress,
    store: Store | None = None,
) -> tuple[tuple[CurveTests, ...], tuple[Caution, ...]]:
    """Run every null of [inference]; return the tests and warnings.

    Without a cluster and a unit there is nothing to draw signs for: the test is off and
    says so.
    """
    asked = prepared.study.inference
    if asked.draws == 0:
        return (), ()
    cluster = curve_clusters(prepared)
    if cluster is None:
        off = "the joint test is off: the study has no unit; give `cluster` in [inference]"
        return (), (Caution("serious", "no_test", off),)
    entering = (results.status == Status.OK) & (results.planned.kind == 0)
    others = int(np.count_nonzero((results.status == Status.OK) & ~entering))
    if not entering.any():
        off = "the joint test is off: every specification has an option of type nonequivalent or uncertain"
        return (), (Caution("serious", "no_test", off, specifications=others),) if others else ()
    found: list[CurveTests] = []
    notes: list[Caution] = []
    chosen, of = np.flatnonzero(entering[compiled.members.index]), results.dropped_columns
    chosen = chosen[compiled.members.instruments[chosen] < 0]
    if not len(chosen):
        off = f"the joint test is off: {NO_NULL_OF_INSTRUMENTS}"
        return (), (Caution("serious", "no_test", off, specifications=int(np.count_nonzero(entering))),)
    places = enumerate(compiled.members.index[chosen].tolist())
    dropped = {position: of[place] for position, place in places if place in of}
    study, on = prepared.study, (prepared.plan, prepared.panel, prepared.evaluator, compiled)
    context = Context(*on, chosen, cluster, asked.draws, study.seed, dropped, jobs, study.run.backend, progress, store)
    context = _with_errors(context, results)
    if not len(context.chosen):
        off = f"the joint test is off: no specification has a standard error clustered by `{cluster_text(prepared)}`"
        return (), (Caution("serious", "no_test", off, specifications=len(chosen)),)
    for name in _plugins.with_refits(asked.null):
        null = _plugins.load("inference", name)
        draws = draw_null(replace(null, draw=_found_again(null, results)), context)
        if len(draws.index) and draws.null_statistic.shape[1]:
            found.append(_tests(prepared, results, draws, null.title))
        else:
            notes += beside(null.title, draws.left_out)
    if found and others:
        one = f"{others:,} {'specification has' if others == 1 else 'specifications have'} an option of type"
        said = f"{one} nonequivalent or uncertain and {'is' if others == 1 else 'are'} in no joint test"
        untested = Caution("note", "not_entering", said, specifications=others)
        found[0] = replace(found[0], notes=(*found[0].notes, untested))
    tested = {t.null for t in found}
    notes += [_no_primary(n, asked.primary) for n in asked.null if not tested & {*_plugins.with_refits([n])}]
    if found:
        notes += _untested(context, results, entering, found)
    notes += opposite_signs(prepared.plan, results, [t.index for t in found])
    return tuple(found), tuple(notes)


def _with_errors(context: Context, results: Results) -> Context:
    """Leave out of every null what has no standard error under its cluster.

    Where a vcov of the study is by this cluster, the estimates have said so.
    """
    problem, members, chosen = context.compiled.problem, context.compiled.members, context.chosen
    own = with_cluster(problem, context.cluster).vcovs[0]
    same = [
        k
        for k, v in enumerate(problem.vcovs)
        if len(v.clusters) == 1
        and replace(own, clusters=v.clusters, distribution=v.distribution) == v
        and np.array_equal(problem.codes[:, v.clusters[0]], context.cluster)
    ]
    if same:
        error = np.asarray(results.numbers["std_error"], dtype=np.float64)[members.index[chosen], same[0]]
        good = np.isfinite(error) | ~context.compiled.batched[chosen]
    else:
        good = with_error(context)
    place = np.cumsum(good) - 1
    dropped = {int(place[old]): gone for old, gone in context.dropped.items() if good[old]}
    return replace(context, chosen=chosen[good], dropped=dropped)


def _found_again(null: Null, results: Results) -> Callable[[Context], NullDraws]:
    return lambda context: agreeing(null.draw(context), results)


def _no_primary(null: str, primary: str) -> Caution:
    """Say that a null that was asked for has no specification, and so no primary test."""
    said = f"the primary test ({primary}) cannot be had: no specification is in this null"
    return Caution("serious", "no_primary", said, _plugins.load("inference", null).title)


def _untested(context: Context, results: Results, entering: Bools, found: Sequence[CurveTests]) -> Iterator[Caution]:
    """Say which specifications no null tests, by reason and estimator."""
    missing = entering.copy()
    for tests in found:
        missing[tests.index] = False
    if not missing.any():
        return
    members, asked = context.compiled.members, context.plan.study.inference.null
    linear, moved = np.zeros(len(results), dtype=bool), np.ones(len(results), dtype=bool)
    beyond = np.zeros(len(results), dtype=bool)
    linear[members.index] = context.compiled.batched
    instrumented = np.zeros(len(results), dtype=bool)
    instrumented[members.index] = members.instruments >= 0
    theirs = missing & instrumented
    if theirs.any():
        said = specifications(int(theirs.sum()), f"are in no joint test: {NO_NULL_OF_INSTRUMENTS}")
        yield Caution("note", "untested_instruments", said, specifications=int(theirs.sum()))
        missing &= ~instrumented
        entering = entering & ~instrumented
    if "permutation" in asked:
        of = split(context)
        moved[members.index[context.chosen]] = of.depends
        others, kept, *_ = affordable(context, of)
        beyond[members.index[context.chosen]] = (~of.batched & of.depends | of.costly) & ~(others | kept)
    long = f"would take more than {BUDGET:g} s to fit again in every draw, by a fixed count of seconds for a fit"
    wild = "wild" in asked
    kinds = {
        "are no least squares, which alone the wild bootstrap takes, and no other null is asked for": (
            ~linear & ("permutation" not in asked)
        ),
        "have a treatment that `assign` does not move" + (", and are no least squares" if wild else ""): (
            ~moved & ~(linear & wild)
        ),
        f"are no least squares, and {long}": ~linear & beyond,
        long: linear & beyond & (not wild),
        "have no standard error when fitted again": ~linear & moved & ~beyond & ("permutation" in asked),
        "have no cluster-robust variance in these nulls": linear & (moved | wild) & ~(beyond & (not wild)),
    }
    estimator = results.planned.dimension("estimator")
    for why, which in kinds.items():
        if (which & missing).any():
            names = [estimator.at(place) or "" for place in np.flatnonzero(which & missing).tolist()]
            listed = ", ".join(f"{results.planned.shown(n)} {names.count(n):,}" for n in dict.fromkeys(names))
            total = int(entering.sum())
            said = f"{len(names):,} of {total:,} specifications are tested by no null ({listed}): they {why}"
            yield Caution("note", "untested", said, specifications=len(names))


def agreeing(draws: NullDraws, results: Results) -> NullDraws:
    """Leave out the specifications whose estimate a null did not find again: its p would be of another model."""
    apart = np.abs(draws.estimate - results.estimate[draws.index])
    good = apart <= SAME_ESTIMATE * draws.std_error
    if good.all():
        return draws
    lost = int(np.count_nonzero(~good))
    words = "specification is" if lost == 1 else "specifications are"
    said = f"{lost:,} {words} too near to collinear for this null, and left out of it"
    note = Caution("note", "too_near_collinear", said, specifications=lost)
    return draws.kept(good, note)


def curve_clusters(prepared: Prepared) -> NDArray[np.int64] | None:
    """Return the codes that the nulls cluster by; None where neither a cluster nor a unit is declared."""
    expression = prepared.study.inference.cluster
    panel = prepared.panel
    if expression is not None:
        return prepared.evaluator.codes((bind(expression.tree, prepared.plan.grid.settings[0].scope),))
    return panel.unit_codes


def _tests(prepared: Prepared, results: Results, draws: NullDraws, title: str) -> CurveTests:
    alpha = prepared.study.inference.alpha
    draws = replace(draws, expected=expected_signs(prepared.plan, draws.index))
    study, cluster = prepared.study, cluster_text(prepared)
    errors = "" if study.vcov and study.vcov[0].text == f"~{cluster}" else cluster
    rows: list[JointTest] = []
    null_medians: list[NullMedian] = []
    bands: dict[tuple[str, str], Floats] = {}
    place = np.full(len(results), -1, np.int64)
    place[draws.index] = np.arange(len(draws.index))
    for group in results.groups():
        for words, curve in whole_curves(results, group, place >= 0):
            bands[group.name, words] = rank_band(draws.null_estimate, place[curve])
        for family in results.families_of(group):
            members = np.isin(draws.index, family.places)
            if members.any():
                rows.append(median_estimate(draws, members, *family.key))
                null_medians.append(null_median(draws, members, title, *family.key, alpha, errors))
    every = np.ones(len(draws.index), dtype=bool)
    rows += statistic_tests(draws, every, alpha, "")
    primary = prepared.study.inference.primary
    return CurveTests(
        draws.null,
        title,
        draws.null_statistic.shape[1],
        draws.index,
        _primary_first(rows, primary),
        adjust(draws, alpha),
        bands,
        beside(title, draws.left_out),
        tuple(null_medians),
        draws.clusters,
        draws.treated,
        alpha,
        cluster_text(prepared),
        expected_words(prepared.plan),
        draws.distinct,
    )


def _primary_first(rows: list[JointTest], primary: str) -> tuple[JointTest, ...]:
    """Mark the primary statistic, of which a median estimate may be several, and put it before the others."""
    chosen = [r for r in rows if r.kind == primary]
    return (*(replace(r, role="primary") for r in chosen), *(r for r in rows if r not in chosen))


def cluster_text(prepared: Prepared) -> str:
    """Return what the nulls cluster by."""
    study = prepared.study
    return study.inference.cluster.text if study.inference.cluster else study.unit or ""


def null_shares(tests: tuple[CurveTests, ...]) -> Mapping[tuple[str, str], NullShares]:
    """Return the shares significant beside those of the first null that has the scale and estimand."""
    return shares_by_estimand([p for t in tests for p in t.null_medians])


def null_figure(tests: tuple[CurveTests, ...]) -> NullFigure:
    """Return what the figure of the curve shows of the nulls."""
    return NullFigure(
        first_bands(t.bands for t in tests),
        null_shares(tests),
        first_nulls((t.null, t.bands) for t in tests),
    )


def figure_of(settings: FigureOptions, tests: tuple[CurveTests, ...]) -> dict[str, Any]:
    """Return how the run draws its curve, as keywords of ``draw_curve``."""
    null = null_figure(tests)
    return {
        "sort": settings.sort,
        "width": settings.width,
        "bands": null.bands,
        "shares": null.shares,
        "nulls": null.nulls,
    }


def sections(tests: tuple[CurveTests, ...], results: Results) -> tuple[Section, ...]:
    """Write the tests for the summary."""
    return tuple(
        Section(
            say("Joint test: {title}", title=told(t.title)),
            (
                say(
                    "{drawn}; {specifications}; beyond the null range, which is by distance from zero, p ≤ 0.05.",
                    drawn=told(t.drawn, True),
                    specifications=counted(len(t.index)),
                ),
                "",
                say("| statistic | value | null range | p |"),
                "|---|---:|---:|---:|",
                *(
                    f"| {marked(r, told(results.shown_statistic(r.statistic)))} | {minus(f'{r.value:.4g}')} "
                    f"| {minus(say('{low} to {high}', low=f'{r.low:.4g}', high=f'{r.high:.4g}'))} "
                    f"| {p_digits(r.p_value)} |"
                    for r in t.tests
                ),
                "",
                say("The other tests are secondary.") if len(t.tests) > 1 else "",
                *(text for text in (told(t.direction, True), share_words(t.tests)) if text),
                _family(t),
                band_words(t),
                *(f"- {told(note.message, True)}" for note in t.notes),
            ),
        )
        for t in tests
    )


def _family(tests: CurveTests) -> str:
    significant = int(np.count_nonzero(tests.adjusted.p_adjusted <= tests.alpha))
    alpha, critical = f"{tests.alpha:g}", tests.adjusted.critical
    if np.isnan(critical):
        least = f"{1 / (tests.draws + 1):.3g}"
        return say(
            "{draws:,} draws are too few for a p of at most {alpha}: the smallest p is {least}.",
            draws=tests.draws,
            alpha=alpha,
            least=least,
        )
    return say(
        "{significant:,} of {index:,} specifications have a step-down adjusted p of at most {alpha} "
        "(max|t|, critical value {critical:.2f}).",
        significant=significant,
        index=len(tests.index),
        alpha=alpha,
        critical=critical,
    )


FAR = 20.0
"""Standard errors beyond which the end of a band tells a reader nothing."""
FARTHEST = later(
    "It holds zero for {n:,} of those with such a p, which tests zero alone: the band reaches to the farthest effect "
    "that is not rejected, far out where clusters are few."
)


def band_words(tests: CurveTests) -> str:
    """Say how far the simultaneous band reaches, by what it was made, or why there is none."""
    band, level = tests.adjusted.band, f"{100 * (1 - tests.alpha):g}%"
    ends = [
        say(
            "{z:,.0f} standard errors {side} the estimates, which is as good as no bound"
            if z > FAR
            else "{z:.2f} standard errors {side} the estimates",
            z=z,
            side=say(side),
        )
        for z, side in ((band.below, later("below")), (band.above, later("above")))
        if not np.isnan(z)
    ]
    if not ends:
        return say("No simultaneous band: {reason}.", reason=told(band.reason, True))
    made = say("joint inversion, errors clustered by `{cluster}`", cluster=tests.cluster)
    rest = say("; ") + told(band.reason, True) if band.reason else ""
    words = say(
        "Simultaneous {level} band: {ends} ({made}){rest}.", level=level, ends=said_list(ends), made=made, rest=rest
    )
    rejected = tests.adjusted.p_adjusted <= tests.alpha
    zero = ~(tests.adjusted.band_low > 0) & ~(tests.adjusted.band_high < 0)
    both = int(np.count_nonzero(rejected & zero))
    return sentences([words, say(FARTHEST, n=both)]) if both else words


def write_inference(results: Results, tests: tuple[CurveTests, ...], directory: Path) -> None:
    """Write inference.csv, per specification and null inference_specifications.csv, and the null curves."""
    write_bands({t.null: t.bands for t in tests}, null_figure(tests), directory)
    if not tests:
        return
    lines = ["null,statistic,value,low,high,p_value,draws,role,direction,specifications,side"]
    for test in tests:
        lines += [
            f"{r.null},{_cell(r.statistic)},{r.value:.12g},{r.low:.12g},{r.high:.12g},{r.p_value:.12g},{r.draws},"
            f"{r.role},{r.direction},{r.specifications},{r.side}"
            for r in test.tests
        ]
    write_text("\n".join(lines), directory / "inference.csv")
    lines = ["null,index,spec_id,p_null,p_adjusted,band_low,band_high"]
    for test in tests:
        a = test.adjusted
        for k, place in enumerate(test.index.tolist()):
            numbers = (a.p_null[k], a.p_adjusted[k], a.band_low[k], a.band_high[k])
            spec_id = results.planned.spec_id(place)
            cells = ("" if np.isnan(n) else f"{n:.12g}" for n in numbers)
            lines.append(",".join([test.null, str(place + 1), spec_id, *cells]))
    write_text("\n".join(lines), directory / "inference_specifications.csv")


def _cell(text: str) -> str:
    r"""Quote a text cell as CSV asks; one that a spreadsheet would run gets a leading ``'``."""
    guarded = f"'{text}" if text[:1] in "=+-@\t\r" else text
    return '"' + guarded.replace('"', '""') + '"' if any(c in guarded for c in ',"\n\r') else guarded


def expected_signs(plan: Plan, index: Ints) -> NDArray[np.float64] | None:
    """Return the sign expected of each specification, -1 or 1; None where no outcome has one."""
    signs = declared_signs(plan)[index]
    return np.nan_to_num(signs, nan=1.0) if any(o.expect for o in plan.study.outcome) else None


def declared_signs(plan: Plan) -> NDArray[np.float64]:
    """Return the sign expected of every planned specification, (S,): -1, 1, or NaN where its outcome has none."""
    signs = np.array([{"negative": -1.0, "positive": 1.0}.get(o.expect or "", np.nan) for o in plan.study.outcome])
    return np.asarray(signs[plan.dimensions[Core.OUTCOME].option[plan.codes[:, Core.OUTCOME]]])


def expected_words(plan: Plan) -> str:
    """Say what positive values of joint statistics mean where outcomes have an expected sign, else nothing."""
    outcome, options = plan.dimensions[Core.OUTCOME], plan.study.outcome
    pairs = [(options[o].expect, label) for label, o in zip(outcome.labels, outcome.option.tolist(), strict=True)]
    signs = ("negative", "positive")
    found = [
        say("{sign} for {outcomes}", sign=say(sign), outcomes=first_few([n for s, n in pairs if s == sign], _NAMED))
        for sign in signs
        if (sign in dict(pairs))
    ]
    if not found:
        return ""
    return say(
        "Joint statistics are of estimates times the sign expected of their outcome ({listed}): positive "
        "medians and a positive Z lie in the expected direction.",
        listed=say("; ").join(found),
    )


def opposite_signs(plan: Plan, results: Results, tested: Sequence[Ints]) -> Iterator[Caution]:
    """Warn of outcomes of opposite estimated sign in one joint test: their estimates cancel.

    An outcome has the sign of its median t. It is serious where on both sides some estimate
    is significant, and a note where the signs may be chance.
    """
    if any(o.expect for o in plan.study.outcome) or not tested:
        return
    index = np.unique(np.concatenate(tested))
    t, p = results.first("statistic")[index], results.first("p_value")[index]
    outcome = plan.codes[index, Core.OUTCOME]
    sides: dict[bool, list[str]] = {False: [], True: []}
    significant = {False: False, True: False}
    for code in np.unique(outcome).tolist():
        mine = (outcome == code) & np.isfinite(t)
        if not mine.any() or (median := float(np.median(t[mine]))) == 0:
            continue
        label = results.planned.shown(plan.dimensions[Core.OUTCOME].labels[code])
        sides[median > 0].append(f"“{label}” (median t {median:.2f})")
        significant[median > 0] |= bool((p[mine & (np.sign(t) == np.sign(median))] <= plan.study.inference.alpha).any())
    negative, positive = (first_few(sides[sign], _NAMED) for sign in (False, True))
    if negative and positive:
        yield Caution(
            "serious" if all(significant.values()) else "note",
            "opposite_signs",
            "outcomes of opposite estimated sign are in one joint test, where they cancel: negative "
            f"{negative}; positive {positive}. If they were expected to move apart before "
            'anything was estimated, say so by `expect = "negative"` and `expect = "positive"` in [outcome]',
            specifications=len(index),
        )
