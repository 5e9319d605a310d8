"""What is known to speak against a run's numbers, as records: how bad, which kind, beside what, in words.

Whoever finds something out writes a ``Caution`` and hands it up: a fault of severity "warning"
(reading, checking, compiling), ``left_out`` of a null, ``Finding.warnings`` of an analysis, or a
generator in ``_describe.design_warnings``. The conductor puts them together with :func:`worst_first`;
every output shows them in that order.

Severities:

``error``
    The numbers must not be used (a failed audit).
``serious``
    A reader who does not know it would believe the headline too readily: a failed pre-trend,
    a placebo that rejects, few treated clusters. It stands on the first screen of every output.
``note``
    Worth knowing, and no reason to doubt.

Nothing is decided by reading ``message``: that is what ``code`` is for. A new code gets a
clause in CLAUSES, at its rank, or in its plug-in's own file, behind all of these; without one its own words are
the clause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Literal

from specdid import _plugins
from specdid._diagnostics import Fault
from specdid._words import later, said_list, say, sentences, told

CautionSeverity = Literal["error", "serious", "note"]
SEVERITIES: tuple[CautionSeverity, ...] = ("error", "serious", "note")
"""Worst first."""
RUN = "run"
"""The place of what concerns the whole run."""
CLAUSES: Mapping[str, str] = {
    "audit_failed": later("the audit failed"),
    "audit_disagrees": later("the reference gives other numbers"),
    "audit_draws": later("draws of an earlier run come out otherwise"),
    "interrupted": later("the run was interrupted"),
    "audit_not_done": later("the audit could not be done"),
    "pretrend": later("the pre-trend test fails"),
    "pretrend_few_treated": later("a pre-trend test rejects, by errors of too few treated clusters"),
    "placebo_timing": later("a placebo before the treatment has an effect"),
    "placebo_timing_few_treated": later(
        "a placebo before the treatment has an effect, by errors of too few treated clusters"
    ),
    "placebo_rejects": later("placebos reject too often"),
    "placebo_disagrees": later("clustered errors find an effect and permutation does not"),
    "honest_breakdown": later("trends no larger than before would undo an effect"),
    "honest_other_sign": later("trends that go on as before would turn the sign"),
    "leads_not_tested": later("pre-trends cannot be tested"),
    "identified_by_ends": later("leads and lags are identified by constant ends alone"),
    "weak_instruments": later("instruments are weak"),
    "instruments_untested": later("the strength of instruments is not known"),
    "instruments_disagree": later("instruments disagree with each other"),
    "forbidden_comparisons": later("comparisons with units treated already turn a sign"),
    "negative_weights": later("effects enter a coefficient with negative weights"),
    "nulls_disagree": later("the joint tests disagree"),
    "opposite_signs": later("outcomes of opposite signs cancel in one test"),
    "estimands_disagree": later("estimands disagree in sign"),
    "scales_disagree": later("scales disagree in sign"),
    "near_collinear": later("a column is nearly a combination of others"),
    "not_clustered": later("errors take the rows of a unit for independent"),
    "cluster_too_fine": later("errors are clustered more finely than the treatment varies"),
    "few_treated": later("few clusters are treated"),
    "few_untreated": later("few clusters are untreated"),
    "variance_indefinite": later("two-way variances are not positive semi-definite"),
    "tiny_errors": later("errors are too small to be any"),
    "no_errors": later("estimates have no standard error"),
    "few_effective": later("clusters count for fewer than they are"),
    "few_clusters": later("there are few clusters"),
    "cohorts_left_out": later("cohorts are left out"),
    "cells_left_out": later("cohorts are left out in some periods"),
    "units_left_out": later("units that lack a period are left out"),
    "one_unit_cohorts": later("cohorts are one unit"),
    "late_baseline": later("units count from a treatment later than the first period"),
    "uneven_periods": later("some periods lie further apart than others"),
    "weights_capped": later("synthetic weights were cut off"),
    "always_treated": later("units that are never seen before their treatment count"),
    "incidental_parameters": later("fixed effects of few rows bias the estimates"),
    "cohort_differs": later("the treatment and its cohort differ"),
    "group_missing": later("whole groups are lost to missing values"),
    "never_unknown": later("units whose treatment is unknown count as never treated"),
    "first_is_code": later("a code for never treated may count as treated in every period"),
    "match_lost": later("matching leaves units out, or ties decide it"),
    "imbalance": later("matched samples are not balanced"),
    "effect_of_none": later("an effect is one where no treated row is"),
    "bad_control": later("controls differ with the treatment"),
    "lagged_outcome": later("a lagged outcome stands beside unit effects in a short panel"),
    "own_control": later("a control holds the outcome itself"),
    "selected_on_outcome": later("a sample is chosen by the outcome"),
    "later_values": later("outcomes or controls use later values"),
    "single_precision": later("a comparison takes values of single precision for other numbers"),
    "sample_whole": later("a sample is every row"),
    "time_coded": later("codes of periods are taken for numbers"),
    "time_compared": later("the time is compared with what is no period"),
    "constant_column": later("a column's name is read as a constant"),
    "log_of_zero": later("rows are lost to the log of zero"),
    "not_zero_one": later("a treatment has two values that are not 0 and 1"),
    "same_estimate": later("two estimators give the same numbers"),
    "samples_move": later("the sample moves the estimates"),
    "many_failed": later("many specifications failed"),
    "preferred_missing": later("the preferred specification has no estimate"),
    "no_test": later("no joint test was run"),
    "no_primary": later("the primary test is missing"),
    "untested": later("no null tests some specifications"),
    "untested_instruments": later("no null is one of two-stage least squares"),
    "not_moved": later("the assignment does not move specifications"),
    "assign_still": later("the assignment does not move the treatment"),
    "level_too_fine": later("the treatment is dealt out more finely than it was assigned"),
    "treated_stay": later("treated levels stay treated in every permutation"),
    "few_assignments": later("there are few ways to assign the treatment"),
    "assignments_repeat": later("draws of the assignment repeat each other"),
    "draws_too_few": later("there are too few draws"),
    "draws_failed": later("draws failed"),
    "time_without_step": later("periods have no step"),
    "time_outlier": later("a period lies far from the others"),
    "undated": later("placebos could not be dated"),
    "placebo_off_zero": later("placebos are not centred on zero"),
    "untreated_again": later("treated units are untreated again"),
    "small_group": later("groups are too small for their errors"),
    "analysis_failed": later("an analysis could not be run"),
    "analysis_empty": later("an analysis has no numbers"),
    "figure_failed": later("a figure could not be drawn"),
    "plugin_failed": later("a plug-in of another distribution could not be loaded"),
    "output_failed": later("an output could not be made"),
}
"""What a code says in a clause, the worst first: the order in which cautions of a severity are told."""
FAILED = later("AUDIT FAILED: do not use these numbers")
AGAINST = later("Serious warnings stand against these estimates")
_TOLD, _IN_VERDICT, _DETAILS = 6, 3, 12
"""Kinds that are told in full on a first screen, named in a sentence, and specifications of a failed audit listed."""
SERIOUS_FAULTS = frozenset({
    "match_lost", "never_unknown", "group_missing", "cohort_differs", "few_assignments", "assign_still",
    "treated_stay",
    "time_without_step", "time_outlier", "draws_too_few", "level_too_fine", "log_of_zero", "not_zero_one",
    "cluster_too_fine", "not_clustered",
    "single_precision", "time_coded", "time_compared",
    "constant_column",
    "first_is_code", "lagged_outcome", "own_control", "selected_on_outcome",
})  # fmt: skip
"""Codes of faults of severity "warning" that are serious; the others are notes."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One specification that the reference does not confirm.

    Attributes
    ----------
    spec_id, place : which it is; the place counts from 1, as ``index`` in results.csv.
    estimate, std_error : as reported; the error under ``vcov``.
    estimate_again, std_error_again : of the reference, NaN where it gave none.
    estimate_gap, se_gap : |Δβ| and |Δse| in reported standard errors, infinite where it gave none.
    vcov : the label of the vcov whose error differs most.
    cause : what is likely behind it, in words.
    """

    spec_id: str
    place: int
    estimate: float
    estimate_again: float
    std_error: float
    std_error_again: float
    estimate_gap: float
    se_gap: float
    vcov: str
    cause: str


@dataclass(frozen=True, slots=True)
class Audit:
    """How a plain call of the reference agreed with the engine on a random sample.

    Attributes
    ----------
    checked, eligible : how many of how many specifications were estimated again.
    estimate_gap, se_gap : the largest |Δβ| and |Δse|, in standard errors.
    limit : the largest gap that counts as agreement.
    reference : what estimated them again.
    disagreements : the specifications above the limit, in plan order.
    parts_again, parts_differing : parts of the nulls' draws that an earlier run left and that were drawn
        again, and those that came out otherwise.
    not_done : why nothing could be estimated again, empty where it could: neither agreement nor disagreement.
    by_itself : estimators for which the audit has no other program, so that their own was asked again.
    units : of a large panel how many of how many units engine and reference were both asked on, else zeros.
    not_audited, why_not : how many of those drawn could not be settled, and why the first one could not.
    """

    checked: int
    eligible: int
    estimate_gap: float
    se_gap: float
    limit: float = 1e-6
    reference: str = "pyfixest"
    disagreements: tuple[Disagreement, ...] = ()
    parts_again: int = 0
    parts_differing: int = 0
    not_done: str = ""
    by_itself: tuple[str, ...] = ()
    units: tuple[int, int] = (0, 0)
    not_audited: int = 0
    why_not: str = ""

    @property
    def failed(self) -> bool:
        """Whether the results must not be used."""
        return bool(self.disagreements or self.parts_differing)

    @property
    def disagreeing(self) -> tuple[str, ...]:
        """The spec_ids of the disagreements; where there are any, the audit has failed."""
        return tuple(d.spec_id for d in self.disagreements)


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing that is known to speak against the numbers.

    Attributes
    ----------
    severity : "error", "serious" or "note".
    code : a stable word of a-z, 0-9 and _, for programs and for grouping.
    message : one line of plain English, without the place.
    where : what it stands beside: "run", a scale or outcome, an analysis, a null, a spec_id.
    specifications : how many specifications it concerns; 0 where it is not of specifications.
    """

    severity: CautionSeverity
    code: str
    message: str
    where: str = RUN
    specifications: int = 0

    def __str__(self) -> str:
        message = told(self.message, ours=True)
        return message if self.where == RUN else say("{where}: {message}", where=told(self.where), message=message)


@dataclass(frozen=True, slots=True)
class Cautions:
    """Cautions of one severity and code, which a reader takes in at once; the first stands for all."""

    items: tuple[Caution, ...]

    @property
    def first(self) -> Caution:
        """The caution that is told."""
        return self.items[0]

    @property
    def more(self) -> int:
        """How many more there are like it."""
        return len(self.items) - 1


@dataclass(frozen=True, slots=True)
class Against:
    """What stands against a run's numbers, for a first screen; all empty where nothing does.

    Attributes
    ----------
    failed : in capitals, where the numbers must not be used.
    details : why, one line each; per specification where the audit failed.
    verdict : a sentence that names the worst kinds of serious cautions.
    items : (clause, what was found) per kind, worst first.
    rest : the clauses of kinds that ``items`` has no room for.
    notes : how many notes there are besides.
    """

    failed: str = ""
    details: tuple[str, ...] = ()
    verdict: str = ""
    items: tuple[tuple[str, str], ...] = ()
    rest: tuple[str, ...] = ()
    notes: int = 0

    def __bool__(self) -> bool:
        return bool(self.failed or self.verdict)

    def shown(self, name: Callable[[str], str]) -> Against:
        """Return the same in the readers' words for names, without marks of code, for paper and figures."""

        def bare(text: str) -> str:
            return re.sub("`([^`]*)`", lambda code: name(code[1]), text)

        items = tuple((bare(head), bare(text)) for head, text in self.items)
        return replace(self, details=tuple(map(bare, self.details)), items=items)

    @property
    def brief(self) -> str:
        """The two worst with their numbers, and how many more kinds there are, for a figure or a note."""
        shown = [say("{clause}: {found}.", clause=capital(clause), found=found) for clause, found in self.items[:2]]
        more = len(self.items) - len(shown) + len(self.rest)
        if more:
            kinds = capital(_kinds(more))
            shown.append(
                say("{kinds} of serious warning." if more == 1 else "{kinds} of serious warnings.", kinds=kinds)
            )
        return sentences(shown)


def headline(failed: str) -> str:
    """Return the first words of ``Against.failed``, those before its colon: what they are called in a title."""
    return re.split("[:：]", failed, maxsplit=1)[0]


def against(found: Sequence[Caution]) -> Against:
    """Return what stands against these numbers, from cautions that are sorted worst first."""
    errors = [c for c in found if c.severity == "error"]
    serious = [g for g in grouped(found) if g.first.severity == "serious"]
    clauses = [clause(g.first.code) for g in serious]
    failed = ""
    if errors:
        audited = any(c.code.startswith("audit") for c in errors)
        failed = say(FAILED) if audited else say("DO NOT USE THESE NUMBERS: {why}", why=clause(errors[0].code))
    details = [str(c) for c in errors[:_DETAILS]]
    if len(errors) > _DETAILS:
        details.append(say("{n:,} more: see warnings.csv", n=len(errors) - _DETAILS))
    return Against(
        failed,
        tuple(details),
        _verdict(clauses),
        tuple((clause(g.first.code), _found(g)) for g in serious[:_TOLD]),
        tuple(clauses[_TOLD:]),
        sum(c.severity == "note" for c in found),
    )


def _verdict(clauses: Sequence[str]) -> str:
    if not clauses:
        return ""
    named, more = list(clauses[:_IN_VERDICT]), len(clauses) - _IN_VERDICT
    named += [_kinds(more)] if more > 0 else []
    return say("{against}: {kinds}.", against=say(AGAINST), kinds=said_list(named))


def _kinds(more: int) -> str:
    return say("{n} more kinds" if more > 1 else "{n} more kind", n=more)


def _found(group: Cautions) -> str:
    """Write the first of a kind, with its place, and how many more there are."""
    first = str(group.first)
    return say("{first}; {n:,} more like it", first=first, n=group.more) if group.more else first


def clause(code: str) -> str:
    """Return what a code says in a clause."""
    found = CLAUSES.get(code) or next((o.clauses[code] for o in _plugins.owned().values() if code in o.clauses), "")
    return say(found) if found else code.replace("_", " ")


def capital(text: str) -> str:
    """Return the text with its first letter in capitals."""
    return text[:1].upper() + text[1:]


def of_audit(audit: Audit) -> tuple[Caution, ...]:
    """Return what an audit says that failed, with the numbers of each specification, or was not done; else nothing."""
    wrong = audit.disagreements
    drawn = () if not audit.parts_differing else (_differing(audit),)
    if audit.not_done:
        said = f"none of {audit.eligible:,} specifications could be estimated again: {audit.not_done}"
        return (*drawn, Caution("serious", "audit_not_done", said))
    alone = () if not audit.by_itself else (_by_itself(audit),)
    if audit.not_audited:
        said = f"{audit.not_audited:,} of the specifications drawn were not audited: {audit.why_not}"
        alone = (*alone, Caution("note", "not_audited", said))
    if not wrong:
        return (*drawn, *alone)
    many = f"{len(wrong):,} of {audit.checked:,} specifications estimated again by {audit.reference} disagree"
    estimate, error = (f"{gap:.3g}" if gap < inf else "without bound" for gap in (audit.estimate_gap, audit.se_gap))
    gaps = f"largest |Δβ| {estimate} and |Δse| {error}, in standard errors; limit {audit.limit:g}"
    head = Caution("error", "audit_failed", f"{many} ({gaps})", specifications=len(wrong))
    return (head, *drawn, *(Caution("error", "audit_disagrees", _numbers(d), d.spec_id, 1) for d in wrong), *alone)


def _by_itself(audit: Audit) -> Caution:
    names = " and ".join(audit.by_itself)
    said = f"{names}: no other program confirms the numbers; the audit ran the estimator again, on rows of its own"
    return Caution("note", "audited_by_itself", said)


def _differing(audit: Audit) -> Caution:
    said = (
        f"{audit.parts_differing:,} of {audit.parts_again:,} parts of the draws that were taken from an earlier run "
        "come out otherwise when they are drawn again: compute everything anew, with --fresh"
    )
    return Caution("error", "audit_draws", said)


def _numbers(one: Disagreement) -> str:
    estimate = f"estimate {one.estimate:.6g}, again {_number(one.estimate_again)}"
    error = f"standard error ({one.vcov}) {one.std_error:.6g}, again {_number(one.std_error_again)}"
    return f"place {one.place:,}: {estimate}; {error}; likely cause: {one.cause}"


def _number(value: float) -> str:
    return f"{value:.6g}" if isfinite(value) else "none"


def worst_first(found: Iterable[Caution]) -> tuple[Caution, ...]:
    """Return the cautions by severity, then code, then as found; those that say the same thing once."""
    rank = {code: k for k, code in enumerate(CLAUSES)}
    at_once: dict[tuple[str, str, str, str], Caution] = {}
    for one in found:
        key = (one.severity, one.code, one.where, one.message)
        known = at_once.get(key)
        if known is None or known.specifications < one.specifications:
            at_once[key] = one
    first = {code: k for k, code in reversed([*enumerate(c.code for c in at_once.values())])}
    return tuple(
        sorted(
            at_once.values(),
            key=lambda c: (SEVERITIES.index(c.severity), rank.get(c.code, len(CLAUSES)), first[c.code]),
        )
    )


def grouped(found: Sequence[Caution]) -> tuple[Cautions, ...]:
    """Return the cautions with those of one severity and code together, in the order of the first of each."""
    groups: dict[tuple[str, str], list[Caution]] = {}
    for one in found:
        groups.setdefault((one.severity, one.code), []).append(one)
    return tuple(Cautions(tuple(items)) for items in groups.values())


def beside(where: str, found: Iterable[Caution]) -> tuple[Caution, ...]:
    """Return the cautions with ``where`` in place of "run"."""
    return tuple(replace(c, where=where) if c.where == RUN else c for c in found)


def from_figure(message: str) -> Caution:
    """Return what a figure warned of, such as a missing font."""
    return Caution("note", "figure", message)


NO_ROWS = from_figure(
    "the figure of the curve has no room for rows of choices; what choices move is in choices.csv: rows have room "
    "with a larger `width` in [figure], fewer scales or outcomes in one study, or shorter names"
)
"""The curve's figure lost all that stands below the curves."""


def from_fault(fault: Fault) -> Caution:
    """Return a fault of severity "warning" as a caution of the run."""
    return Caution("serious" if fault.code in SERIOUS_FAULTS else "note", fault.code, fault.message)
