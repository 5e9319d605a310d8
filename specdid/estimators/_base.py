"""What an estimator declares and what it is given: the contract of the shelf.

A plug-in is one module ``specdid/estimators/<name>.py`` with ``ESTIMATOR: Estimator``, or a folder of
that name. Its programs for exports/ are functions, or templates in ``specdid/estimators/programs/``; what they share
stands in ``specdid/_programs/``.
The module's top level imports neither pyfixest, pandas, scipy nor formulaic. A whole one,
``specdid/estimators/example_means.py``::

    # The difference in means between treated and untreated rows.
    import numpy as np
    from specdid._plugins import Own
    from specdid.estimators._base import Estimate, Estimator, Program


    def fit(task):
        sides = task.outcome[task.treatment == 1], task.outcome[task.treatment == 0]
        error = float(np.sqrt(sum(y.var() / len(y) for y in sides)))
        n, each = len(task.outcome), len(task.vcovs)
        return Estimate(float(sides[0].mean() - sides[1].mean()), (error,) * each, (n - 2.0,) * each, (-1,) * each, n)


    def python(script, used):
        yield f'y, treated = d["{script.outcome}"], d["{script.treatment}"] == 1'
        yield "estimate = y[treated].mean() - y[~treated].mean()"
        yield "error = np.sqrt(sum(side.var(ddof=0) / len(side) for side in (y[treated], y[~treated])))"
        yield f"std_error = dict.fromkeys({[e.label for e in script.errors if e.kind == 'hetero']!r}, error)"


    ESTIMATOR = Estimator(
        name="example_means", title="Difference in means", estimand="difference in means", settings=(),
        honours=frozenset({"outcome", "treatment", "sample"}), effects="any", cohort=False, binary=True, batched=False,
        vcovs=frozenset({"hetero"}), fit=fit, slopes=False, alone=lambda options: "means have no other coefficients",
        programs={"python": Program(python)},
    )

    OWN = Own(
        zh_kept={
            "difference in means": "均值之差",
            "means have no other coefficients": "均值没有其他系数",
        }
    )

**fit** gets a `Task` that has rows; its weights are above zero and as they are written, not scaled. Units and the
effective number of rows are counted over ``Estimate.keep`` where that is not None.

Why there is no number is a `Failure`, whose message is one string or f-string, written out in the call
``Failure(code, f"…")``: a whole text for each variant, never put together of parts. Only so does tests/test_words.py
pair it with its Chinese in ``OWN.zh_kept`` (``specdid._plugins.Own``), where a number is ``{n}``, other text
``{term}``, and ``many(n, "unit", "are")`` is ``{n} ‹unit is|units are›``. So it is of the message of a
``Caution("note", code, f"…")`` in ``cautions``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._format import Key
from specdid._records.fits import VcovCode
from specdid._study import RULES, Distribution, Rule, VcovKind
from specdid.panel.times import Calendar

if TYPE_CHECKING:
    from specdid._plan.estimands import Treated
    from specdid._programs.script import Script
    from specdid._records import Caution

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class EstimatorSetting(Key):
    """A key that a user may write beside ``method``.

    ``found``: where it is not written the data decide, and Estimate.in_force has what came out.
    ``idle``: another key, the value of it under which this one does nothing and is refused, and why.
    """

    found: bool = False
    idle: tuple[str, str, str] | None = None


Changes = Literal["", "whole", "controls", "outcome"]
"""Whether an estimator takes changes, and what a row may lack that it reads all the same: "whole" nothing."""


@dataclass(frozen=True, slots=True)
class Record:
    """The rows that changes are taken from, as `Estimator.changes` says: of a task, and some that lack a variable.

    Arrays have m rows; ``place`` (n,) says which of these the task's rows are. ``outcome`` is NaN where it, or the
    weight, is missing.
    """

    outcome: Floats
    unit: Ints
    time: Floats
    place: Ints
    treatment: Floats


@dataclass(frozen=True, slots=True)
class Task:
    """One specification with its rows already cut: missing, infinite and singleton rows are gone.

    Arrays have n rows. ``effects`` are codes from 0 without gaps; ``slopes`` pairs of
    (codes, values). ``clusters`` holds, for each vcov, None (iid, hetero) or the codes of
    one or two variables; ``vcovs`` the kinds; `rule` and `distribution` say what else is asked.
    ``unit``, ``time``, ``cohort`` (NaN: never
    treated) are there where the study declares them; time and cohort are in periods, so
    that 201212 and 201301 differ by one step. ``treatment`` is the term's column. ``record`` is
    there for an estimator with `Estimator.changes` where some row lacks nothing but what that names.
    """

    outcome: Floats
    treatment: Floats
    controls: Floats
    control_labels: tuple[str, ...]
    effects: tuple[Ints, ...]
    effect_labels: tuple[str, ...]
    slopes: tuple[tuple[Ints, Floats], ...]
    weights: Floats | None
    vcovs: tuple[VcovKind, ...]
    clusters: tuple[tuple[Ints, ...], ...]
    unit: Ints | None
    time: Floats | None
    cohort: Floats | None
    options: Mapping[str, Any]
    alpha: float
    rules: tuple[Rule, ...] = ()  # empty: "fixest" for all
    distributions: tuple[Distribution | None, ...] = ()  # empty: the estimator's own for all
    record: Record | None = None
    offsets: tuple[int, ...] = ()  # places among the controls of those whose coefficient is 1
    unit_names: tuple[str, ...] | None = None  # by code of ``unit``, for messages, where Estimator.balanced
    calendar: Calendar | None = None  # of the whole panel, for messages

    def rule(self, v: int) -> Rule:
        """Return the small-sample correction of vcov ``v``; `engine.ssc` defines them."""
        return self.rules[v] if self.rules else "fixest"

    def distribution(self, v: int) -> Distribution | None:
        """Return the distribution of the statistic under vcov ``v``, None for the estimator's own."""
        return self.distributions[v] if self.distributions else None

    def history(self) -> Record:
        """Return the record, of the task's own rows where there is no other."""
        assert self.unit is not None and self.time is not None  # noqa: PT018 - who takes changes asks for both
        own = np.arange(len(self.outcome))
        return self.record or Record(self.outcome, self.unit, self.time, own, self.treatment)


VCOV_NOTES = ("", *(code.name.lower() for code in VcovCode if code))
"""Why a vcov has no standard error, by VcovCode."""


TREATMENT, CONSTANT = -1, -2
"""What Coefficients.columns has for the treatment and for the constant."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """A regression table: every coefficient with full covariance matrices.

    ``columns`` (k,) are TREATMENT, first, then positions in Task.controls of those that were
    kept, in written order, then CONSTANT where the model has one. ``estimate`` (k,), ``vcov``
    (V, k, k), NaN where ``vcov_notes`` of the Estimate says why. ``r2`` and McFadden's ``pseudo_r2``
    are NaN where there is none.
    """

    columns: tuple[int, ...]
    estimate: Floats
    vcov: Floats
    r2: float = float("nan")
    pseudo_r2: float = float("nan")


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with a standard error per vcov (NaN where ``vcov_notes`` says why not).

    ``vcov_notes`` has one of VCOV_NOTES for each vcov, or is empty when all went well.
    ``reads`` marks the rows of the task, or of its record, on whose values the numbers depend, leads and
    lags of those in ``keep`` included; None is all of them. With ``in_force``, the options that came out
    otherwise than they were written, it tells whether two specifications are the same model. ``sizes`` (n,) has in
    one row of each unit what the unit weighs in the size of its group, where sizes of groups are read, NaN elsewhere:
    which row that is, and what else stands in it, makes no other model.
    ``coefficients`` is the whole table, None where the treatment's is the only coefficient,
    which Estimator.alone explains.
    """

    estimate: float
    std_error: tuple[float, ...]
    df: tuple[float, ...]  # inf: normal
    n_clusters: tuple[int, ...]
    nobs: int
    dropped: tuple[int, ...] = ()  # positions in Task.controls
    r2_within: float = float("nan")
    keep: Bools | None = None  # rows of the task actually used, where fewer
    vcov_notes: tuple[str, ...] = ()
    extra: Mapping[str, float] = field(default_factory=dict)
    coefficients: Coefficients | None = None
    reads: Bools | None = None
    sizes: Floats | None = None
    in_force: Mapping[str, object] = field(default_factory=dict)
    units: tuple[int, int, int, int] | None = None  # units, treated, control, always treated; None: from the rows


@dataclass(frozen=True, slots=True)
class Path:
    """Effects by relative period.

    ``periods`` (m,), ``estimate`` (m,), ``vcov`` (V, m, m) with NaN where ``vcov_notes`` says why, and of
    single periods without a note where no cluster has a part in them; ``size`` (m,) treated rows behind each;
    ``left_out`` the periods asked for that have no number, and why; ``binned`` says whether the first and last
    period hold what lies beyond them, as ``relative`` does; ``from_reference``, whether effects are measured
    from the reference period, which is drawn at zero; ``from_previous``, whether effects are, and leads from
    the period before each; ``note`` what else a reader of the path must know; ``of_bins`` what a first and last
    period are that hold more, where it is said; ``untestable`` why leads are no test of parallel trends, where
    they are none; ``per_unit``, whether estimates are divided by the treatment of their period.
    """

    periods: tuple[int, ...]
    estimate: Floats
    vcov: Floats
    df: tuple[float, ...]
    n_clusters: tuple[int, ...]
    nobs: int
    size: Ints
    vcov_notes: tuple[str, ...]
    left_out: Mapping[int, str] = field(default_factory=dict)
    binned: bool = True
    from_reference: bool = False
    note: str = ""
    from_previous: bool = False
    untestable: str = ""
    per_unit: bool = False
    of_bins: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no number: a code of `_records.fits.Code` and words for a researcher.

    Another code counts as ``estimator_error``.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Program:
    """How an estimator is written in one language of exports/.

    ``lines(script, given)`` gives the lines of the regression, on rows that the program has cut
    before: a Script and what its language hands over (Python, R: the helpers it shall
    define, as keys; Stata: numbered twins of columns by name). ``clock`` of ``_programs`` numbers periods, ``cohorts``
    numbers cohorts too. A Python program ends with
    ``estimate`` and ``std_error`` by label of the vcov, the others print both. ``needs``: what it
    loads before it begins, import statements in Python and names of packages otherwise.
    ``numbered``: Stata numbers the levels of every fixed effect and cluster, not of texts alone.
    """

    lines: Callable[[Script, Any], Iterable[str]]
    needs: tuple[str, ...] = ()
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class CellAverage:
    """What the average of an estimator's cohort × period effects is made of, as in Sun and Abraham (2021).

    ``reference`` are the relative periods that effects are measured against. ``control`` "never": the untreated
    rows of all cohorts, with leads; "notyet": no leads, and rows that are not yet treated are comparisons.
    """

    reference: tuple[int, ...] = (-1,)
    control: Literal["never", "notyet"] = "never"


@dataclass(frozen=True, slots=True)
class Estimator:
    """A declaration the plan can read without importing any estimation library.

    ``honours`` names the dimensions an option of which can change the result; an option
    other than the default in another dimension excludes the specification
    (``not_honoured``). ``effects`` "any" or "unit + time" (exactly these).
    ``binary``: the treatment must be 0/1. ``cohort``: needs a cohort.
    ``batched``: least squares, goes through the engine; ``fit`` is then only the fallback. With
    ``cells(options)`` the engine has a column per cohort and period in place of the treatment, the event study
    averages them by period, and ``columns`` are those of sunab.
    ``called(options)`` is the title where options make another estimator of it.
    ``estimand`` says what the estimate is of; ``words(treated, options)`` does where that depends on the
    treatment or the options.
    ``alone(options)`` says, in words that a table prints, why ``fit`` with these options gives the treatment's
    coefficient alone; it is None where ``fit`` gives all of them.
    ``beside(options)`` names the units that ``n_control`` counts, where they are not the never treated alone.

    ``changes``: it takes changes of the outcome between rows, and what a row may lack and still be read, which its
    ``doc`` says: "controls", as an end of a change; "outcome" or a weight, as a treatment that tells when a unit
    switches. "": nothing, as where
    controls are changes, too, so that both ends need every variable; "whole": so it is of an estimator whose controls
    stand beside a constant.
    ``path(task, relative, periods, reference)`` gives effects by relative period, for event
    studies; ``relative`` (n,) is NaN for the never treated. ``calendar``: these may be periods of
    the calendar, NaN for rows that no effect is asked for.
    ``ssc`` are the small-sample corrections that ``fit`` and ``path`` make when a task asks for
    them; ``untestable``: why its leads are no test of parallel trends, whatever window is asked for.
    Callers use `estimate` and `effects_by_period`, which leave out what is not offered.
    ``refuses(task)`` says without estimating, and without loading a library, why a task can have no
    number; what it passes may still fail. The task has rows, and of `specdid check` no controls, weights, vcovs or
    record. ``refuses_path(task)`` says so of effects by relative period.
    ``no_error(task)`` says without estimating why a task has no standard error by unit, "" where it may have one.
    ``cautions`` says what speaks against the estimates of a run, from ``extra`` of its Estimates and
    ``nobs``, by name, (S,) each.
    ``unit`` is what estimates are in whatever the outcome's unit is: log points; "" where it is the outcome's.
    ``unfit(values)`` says which outcome is needed where one with these values, (n,), can have no
    estimate, and "" else. ``absorbing``: a treatment must stay on.
    ``likelihood``: the outcome is taken as it is, without a dispersion, and p-values are normal.
    ``columns`` are the names in ``extra`` of its Estimates, columns of the results of their own.
    ``programs`` are by name of an export; `specdid show` says which language has none.
    ``offset``: the controls of a task may hold offsets, whose coefficient is 1.
    ``no_controls(options)`` says why none are taken, "" where they are.
    ``every_row(options)`` says whether a row that is alone in its unit is used: nothing is absorbed.
    ``only_by_unit(options)`` says why errors go by unit and by no cluster of several, "" where they do not.
    ``balanced``: every unit must be seen in every period; tasks have the units' names to say who is not.
    ``fits(options)`` says how many estimates one takes, where it is made again for its standard error; None: 1.
    ``seeded(options)`` says whether it draws at random, from its option ``seed``: the study's where none is written.
    """

    name: str
    estimand: str
    title: str
    settings: tuple[EstimatorSetting, ...]
    honours: frozenset[str]
    effects: Literal["any", "unit + time"]
    cohort: bool
    binary: bool
    batched: bool
    vcovs: frozenset[str]  # of iid, hetero, cluster, twoway
    fit: Callable[[Task], Estimate | Failure]
    slopes: bool = True
    doc: str = ""
    path: Callable[[Task, Floats, tuple[int, ...], int], Path | Failure] | None = None
    calendar: bool = False
    alone: Callable[[Mapping[str, object]], str] | None = None
    untestable: str = ""
    beside: Callable[[Mapping[str, object]], str] | None = None
    changes: Changes = ""
    words: Callable[[Treated, Mapping[str, object]], str] | None = None
    ssc: frozenset[str] = frozenset({"fixest"})
    cautions: Callable[[Mapping[str, Floats]], Iterable[Caution]] | None = None
    refuses: Callable[[Task], Failure | None] | None = None
    refuses_path: Callable[[Task], Failure | None] | None = None
    no_error: Callable[[Task], str] | None = None
    unit: str = ""
    unfit: Callable[[Floats], str] | None = None
    absorbing: bool = False
    likelihood: bool = False
    columns: frozenset[str] = frozenset()
    programs: Mapping[str, Program] = field(default_factory=dict)
    offset: bool = False
    balanced: bool = False
    only_by_unit: Callable[[Mapping[str, object]], str] | None = None
    fits: Callable[[Mapping[str, object]], int] | None = None
    seeded: Callable[[Mapping[str, object]], bool] | None = None
    every_row: Callable[[Mapping[str, object]], bool] | None = None
    no_controls: Callable[[Mapping[str, object]], str] | None = None
    cells: Callable[[Mapping[str, object]], CellAverage] | None = None
    called: Callable[[Mapping[str, object]], str] | None = None

    def takes_singletons(self, options: Mapping[str, object]) -> bool:
        """Say whether rows that are alone in a level of an effect are given with these options."""
        return self.balanced or (self.every_row is not None and self.every_row(options))

    def title_with(self, options: Mapping[str, object]) -> str:
        """Return the title of the estimator that these options ask for."""
        return self.title if self.called is None else self.called(options)

    @property
    def dates_itself(self) -> bool:
        """Whether its event study begins where each unit's treatment changes, and refuses another cohort."""
        return self.path is not None and self.changes == "outcome"

    def never_alone(self, options: Mapping[str, object]) -> bool:
        """Say whether the treated are compared with the never treated alone."""
        own = self.cells is not None and self.cells(options).control == "never"
        return own or (self.beside is not None and self.beside(options) == NEVER)

    def estimate(self, task: Task) -> Estimate | Failure:
        """Fit; no standard error where the vcov, its correction or its distribution is not offered."""
        found = self._kept_going(self.fit, task)
        if isinstance(found, Failure):
            return found
        notes, df = self._as_asked(task, found.vcov_notes or ("",) * len(found.df), found.df)
        blank = np.array([bool(note) for note in notes], dtype=bool)
        errors = tuple(float("nan") if b else e for b, e in zip(blank, found.std_error, strict=True))
        whole = found.coefficients
        if whole is not None and blank.any():
            whole = replace(whole, vcov=np.where(blank[:, None, None], np.nan, whole.vcov))
        return replace(found, std_error=errors, df=df, vcov_notes=notes, coefficients=whole)

    def effects_by_period(
        self, task: Task, relative: Floats, periods: tuple[int, ...], reference: int
    ) -> Path | Failure:
        """Run ``path``; no covariance where the vcov asks for what is not offered."""
        assert self.path is not None
        found = self._kept_going(self.path, task, relative, periods, reference)
        if isinstance(found, Failure):
            return found
        notes, df = self._as_asked(task, found.vcov_notes, found.df)
        blank = np.array([bool(note) for note in notes], dtype=bool)
        return replace(found, vcov=np.where(blank[:, None, None], np.nan, found.vcov), df=df, vcov_notes=notes)

    def _kept_going(
        self, what: Callable[Concatenate[Task, P], R | Failure], task: Task, /, *more: P.args, **named: P.kwargs
    ) -> R | Failure:
        """Return what ``what`` gives for a task that has rows; an error is a failure of this specification alone."""
        if not len(task.outcome):
            return Failure("no_rows", "no rows are left")
        try:
            return what(task, *more, **named)
        except MemoryError:
            raise
        except Exception as error:  # a plug-in's may be of any kind
            said = " ".join(str(error).split())
            return Failure("estimator_error", f"{self.name} stopped with {type(error).__name__}: {said}".rstrip(": "))

    def _as_asked(
        self, task: Task, notes: tuple[str, ...], df: tuple[float, ...]
    ) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """Return notes and degrees of freedom by vcov."""
        said, law = list(notes), list(df)
        for v in (v for v, note in enumerate(notes) if note in ("", "uncounted")):  # no rule counts what is not offered
            kind = "twoway" if len(task.clusters[v]) > 1 else task.vcovs[v]
            if kind not in self.vcovs:
                said[v], law[v] = "not_offered", float("nan")
            elif task.rule(v) not in self.ssc:
                said[v], law[v] = "no_rule", float("nan")
            elif notes[v]:
                continue
            elif task.distribution(v) == "normal":
                law[v] = float("inf")
            elif task.distribution(v) == "t" and np.isinf(df[v]):
                said[v], law[v] = "no_t", float("nan")
        return tuple(said), tuple(law)


NEVER = "never treated"


def coefficient_words(treated: Treated, effect: str, how: str = "") -> str:
    """Say what a coefficient of ``treated`` is, from the estimator's word for an effect; ``how`` in brackets behind."""
    unit = "" if treated.kind == "share" else f" per unit of {treated.term}"
    said = f"difference in the {effect}{unit}, interaction" if treated.interaction else f"{effect}{unit}"
    said += where_zero(treated) + (f" relative to {treated.base}" if treated.base else "")
    return f"{said} ({how})" if how else said


def where_zero(treated: Treated) -> str:
    """Say at which values of what the treatment is interacted with its coefficient is the effect, and what is held."""
    return treated.given


EVERY_RULE: frozenset[str] = frozenset(RULES)
"""For Estimator.ssc: every small-sample correction there is."""
