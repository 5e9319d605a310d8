"""The plan by position, the fits of all blocks beside it, and the same model estimated twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._columns import NUMBERS, OF_INSTRUMENTS
from specdid._plan import Plan, PlanStatus
from specdid._plan.estimands import scale_of
from specdid._plan.identity import Contents
from specdid._records.fits import VCOV_NOTES, Code, Fits, failure_message
from specdid._records.results import Planned, Results, Status, TextColumn, code_of, empty_numbers
from specdid._study import Core
from specdid._words import speaking, told
from specdid.language import relabel, write

_FIRST_FAILURE = code_of("no_rows")
_OVERFLOW = "the estimate or its error is no number a computer has: change the unit of the outcome or the treatment"
_COUNTED = ("n_missing", "n_log0", "n_singletons")
"""Numbers that a failure has, too."""

_SAME_MODEL = "the same rows, weights, fixed effects and kept terms, by their values, as an earlier specification"


def collect(
    planned: Planned,
    blocks: Iterable[Fits],
    labels: Sequence[str],
    same_model: bool = True,
    terms: Mapping[tuple[int, ...], str] = MappingProxyType({}),
) -> Results:
    """Build the results from the plan and the fits, which may come in any order.

    Parameters
    ----------
    planned
        The plan's columns.
    blocks
        Fits; together they hold every specification of status OK at most once. One that
        is in none of them becomes a failure with code ``interrupted``.
    labels
        The term of each column of Problem.values, for messages and ``dropped``.
    same_model
        Whether specifications with equal signatures are one point on the curve.
    terms
        The columns of each term that has several, and its name: in ``dropped`` it stands for them where all are.

    Returns
    -------
    Results
        The same for any order of the blocks.
    """
    store = _Store.empty(planned)
    for fits in blocks:
        store.add(fits, labels)
    if same_model:
        store.mark_same_models()
    return store.results(labels, terms)


@dataclass(slots=True)
class _Store:
    """The arrays while they are being filled."""

    planned: Planned
    status: NDArray[np.int8]
    code: NDArray[np.int8]
    twin: Ints
    numbers: dict[str, NDArray[np.float64] | NDArray[np.int32]]
    signature: NDArray[np.uint64]
    messages: dict[int, str]
    vcov_notes: dict[tuple[int, int], str]
    dropped: dict[int, tuple[int, ...]]
    near: dict[int, tuple[int, float]]
    extra: dict[str, Floats]
    seconds: Floats
    seen: dict[tuple[int, ...], tuple[int, ...]]

    @classmethod
    def empty(cls, planned: Planned) -> _Store:
        n = len(planned)
        waiting = planned.status == Status.OK
        return cls(
            planned,
            status=np.where(waiting, np.int8(Status.FAILED), planned.status).astype(np.int8),
            code=np.where(waiting, np.int8(code_of("interrupted")), planned.code).astype(np.int8),
            twin=planned.twin.copy(),
            numbers=empty_numbers(n, len(planned.vcovs)),
            signature=np.zeros((n, 2), dtype=np.uint64),
            messages={},
            vcov_notes={},
            dropped={},
            near={},
            extra={},
            seconds=np.full(n, np.nan),
            seen={},
        )

    def add(self, fits: Fits, labels: Sequence[str]) -> None:
        """Scatter one block to its places in the plan."""
        fits = _without_overflow(fits)
        at = fits.index
        ok = fits.code == Code.OK
        self.status[at] = np.where(ok, Status.OK, Status.FAILED)
        self.code[at] = np.where(ok, 0, fits.code.astype(np.int64) - 1 + _FIRST_FAILURE)
        for column in NUMBERS:
            self.numbers[column.name][at] = getattr(fits, column.name)
        for name, values in fits.extra.items():
            own = f"{name} (estimator)" if name in self.planned.dimensions else name  # not declared, so not refused
            self.extra.setdefault(own, np.full((len(self.status), *values.shape[1:]), np.nan))[at] = values
        self.signature[at] = fits.signature
        self.seconds[at] = fits.seconds
        for place, columns in fits.dropped.items():
            self.dropped[int(at[place])] = self.seen.setdefault(columns, columns)
        self.near.update({int(at[place]): found for place, found in fits.near.items() if ok[place]})
        self._notes(fits)
        self.messages.update(_messages(self.planned, fits, labels))

    def _notes(self, fits: Fits) -> None:
        for place, v in zip(*np.nonzero((fits.vcov_code > 0) & (fits.code == 0)[:, None]), strict=True):
            said = fits.vcov_detail.get((int(place), int(v)))
            self.vcov_notes[int(fits.index[place]), int(v)] = said or VCOV_NOTES[fits.vcov_code[place, v]]

    def mark_same_models(self) -> None:
        """Make every later specification with an earlier one's signature its duplicate."""
        ok = np.flatnonzero((self.status == Status.OK) & self.signature.any(axis=1))
        _, first, which = np.unique(self.signature[ok], axis=0, return_index=True, return_inverse=True)
        twin = ok[first[which.reshape(-1)]]
        later, twin = ok[twin != ok], twin[twin != ok]
        self.status[later] = Status.DUPLICATE
        self.code[later] = code_of("same_model")
        self.twin[later] = twin
        chained = np.flatnonzero(self.planned.twin >= 0)
        moved = self.twin[self.twin[chained]]
        self.twin[chained] = np.where(moved >= 0, moved, self.twin[chained])
        for values in self.numbers.values():
            values[later] = np.nan if values.dtype.kind == "f" else -1
        for values in self.extra.values():
            values[later] = np.nan
        for place in later.tolist():
            self.dropped.pop(place, None)
            self.near.pop(place, None)
            self.messages[place] = _SAME_MODEL

    def results(self, labels: Sequence[str], terms: Mapping[tuple[int, ...], str]) -> Results:
        n, v = len(self.status), len(self.planned.vcovs)
        if "n_instruments" in self.extra:  # all of them, whether or not any set has a gap
            for column in OF_INSTRUMENTS:
                self.extra.setdefault(column.name, np.full(n, np.nan))
        gone = self.status == Status.DUPLICATE
        notes = {k: m for k, m in self.vcov_notes.items() if not gone[k[0]]}
        flat = _column({s * v + k: m for (s, k), m in notes.items()}, n * v)
        return Results(
            self.planned,
            self.status,
            self.code,
            self._message(),
            self.twin,
            self.numbers,
            TextColumn(flat.words, flat.codes.reshape(n, v)),
            _column(self._terms(labels, terms), n),
            dict(sorted(self.extra.items())),
            self.seconds,
            self.dropped,
            self.near,
        )

    def _terms(self, labels: Sequence[str], terms: Mapping[tuple[int, ...], str]) -> dict[int, str]:
        """Join the names of what was dropped: a term's where all of its columns were, else the columns' labels."""
        words = {}
        for columns in self.seen:
            whole = {c: text for term, text in terms.items() if {*term} <= {*columns} for c in term}
            words[columns] = " + ".join(dict.fromkeys(whole.get(c, labels[c]) for c in columns))
        return {place: words[columns] for place, columns in self.dropped.items()}

    def _message(self) -> TextColumn:
        """Join the plan's reasons and the fits' messages into one dictionary."""
        reason = self.planned.reason
        messages = dict(self.messages)
        for place in np.flatnonzero(self.code == code_of("interrupted")).tolist():
            messages[place] = "the run was interrupted before this specification was estimated"
        later = _column(messages, len(self.status))
        codes = np.where(later.codes >= 0, later.codes + len(reason.words), reason.codes)
        return TextColumn((*reason.words, *later.words), codes.astype(np.int32))


def _without_overflow(fits: Fits) -> Fits:
    """Make a failure of what is no number, or has an error of 0 only because it is too small for one."""
    ok = fits.code == Code.OK
    nothing = (np.isinf(fits.std_error) | ((fits.std_error == 0) & (fits.vcov_code == 0))).any(axis=1)
    lost = ok & (~np.isfinite(fits.estimate) | nothing)
    if not lost.any():
        return fits
    code = np.where(lost, np.int8(Code.ESTIMATOR_ERROR), fits.code).astype(fits.code.dtype)
    blank: dict[str, Any] = {c.name: _blanked(getattr(fits, c.name), lost) for c in NUMBERS if c.name not in _COUNTED}
    detail = {**fits.detail, **dict.fromkeys(np.flatnonzero(lost).tolist(), _OVERFLOW)}
    dropped = {place: columns for place, columns in fits.dropped.items() if not lost[place]}
    return replace(fits, code=code, detail=detail, dropped=dropped, **blank)


def _blanked(values: NDArray[Any], lost: NDArray[np.bool_]) -> NDArray[Any]:
    out = values.copy()
    out[lost] = np.nan if values.dtype.kind == "f" else -1
    return out


def _column(texts: dict[int, str], n: int) -> TextColumn:
    """Turn texts by position into a column, the dictionary in order of position."""
    codes = np.full(n, -1, dtype=np.int32)
    place: dict[str, int] = {}
    for position in sorted(texts):
        codes[position] = place.setdefault(texts[position], len(place))
    return TextColumn(tuple(place), codes)


def _messages(planned: Planned, fits: Fits, labels: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Return a message for every failure of a block."""
    outcome = planned.dimension("outcome")
    effects = planned.dimension("fixed_effects") if "fixed_effects" in planned.dimensions else None
    for place in np.flatnonzero(fits.code != Code.OK).tolist():
        s, code, culprit = int(fits.index[place]), Code(int(fits.code[place])), int(fits.culprit[place])
        said = fits.detail.get(place) or failure_message(
            code,
            planned.term.at(s) or "",
            outcome.at(s) or "",
            (effects.at(s) if effects else None) or "",
            labels[culprit] if culprit >= 0 else "",
        )
        yield s, said


_SAME_CONTENT = "the same content as an earlier specification"


def planned_records(plan: Plan) -> Planned:
    """Return the plan's columns of the results."""
    codes = plan.codes
    excluded = plan.status == PlanStatus.EXCLUDED
    duplicate = plan.status == PlanStatus.DUPLICATE
    status = np.where(excluded, Status.EXCLUDED, np.where(duplicate, Status.DUPLICATE, Status.OK))
    by_reason = np.array([code_of(r.code) for r in plan.reasons] + [0], np.int8)
    code = np.where(duplicate, np.int8(code_of("same_content")), by_reason[plan.reason])
    words = (*(r.message for r in plan.reasons), _SAME_CONTENT)
    reason = np.where(excluded, plan.reason, np.where(duplicate, len(plan.reasons), -1))
    treatment = plan.grid.treatments
    terms = TextColumn(tuple(t.term.text for t in treatment), codes[:, Core.TREATMENT])
    members = _members(plan)
    return Planned(
        title=plan.study.title,
        alpha=plan.study.inference.alpha,
        dimensions=tuple(d.name for d in plan.dimensions),
        labels=tuple(d.labels for d in plan.dimensions),
        codes=codes,
        ids=plan.ids,
        vcovs=tuple(v.name for v in plan.study.vcov),
        formulas=formula_writer(plan),
        term=terms,
        estimand=TextColumn(plan.estimands, plan.estimand),
        scale=TextColumn(plan.scales, plan.scale),
        status=status.astype(np.int8),
        code=code.astype(np.int8),
        reason=TextColumn(words, reason.astype(np.int32)),
        twin=plan.twin,
        preferred=plan.preferred,
        control_terms=tuple(t.text for t in plan.grid.controls.terms),
        control_members=members,
        display=_display(plan),
        types=_types(plan),
        together=tuple(tie.dimensions for tie in plan.study.together),
        language=plan.study.language,
    )


def _display(plan: Plan) -> dict[str, str]:
    """Return the study's labels, with the scales that are an estimator's unit of an outcome as readers know them."""
    labels = plan.study.labels
    named: dict[str, str] = {}
    with speaking(plan.study.language):
        for unit in dict.fromkeys(_plugins.load("estimators", e.method).unit for e in plan.grid.estimators):
            for outcome in plan.dimensions[Core.OUTCOME].labels:
                scale = scale_of(unit, outcome)
                if scale in plan.scales and scale not in plan.grid.scales:
                    named[scale] = told(scale_of(unit, relabel(outcome, labels)))
    return {**named, **labels}


def _types(plan: Plan) -> dict[str, dict[str, str]]:
    """Return the options that have a type, by dimension and label."""
    found = {
        d.name: {label: kind for label, o in zip(d.labels, d.option.tolist(), strict=True) if (kind := d.metas[o].type)}
        for d in plan.dimensions
        if any(m.type for m in d.metas)
    }
    return {name: types for name, types in found.items() if types}


def _members(plan: Plan) -> NDArray[np.bool_]:
    sets = plan.grid.controls
    members = np.zeros((len(sets), len(sets.terms)), dtype=bool)
    owner = np.repeat(np.arange(len(sets)), np.diff(sets.start))
    members[owner, sets.index] = True
    return members


def formula_writer(plan: Plan) -> Callable[[int, int], Sequence[str]]:
    """Return the function that writes the formulas of positions start to stop.

    ``outcome ~ treatment + with + controls + add | fixed effects + absorb``, terms in
    written order and each once; controls 1 and fixed effects 0 are not written. With instruments
    ``outcome ~ with + controls + add | fixed effects + absorb | treatment ~ instruments``.
    """
    parts = _Parts(plan)
    return lambda start, stop: [parts.formula(s) for s in range(start, stop)]


class _Parts:
    """The texts formulas are put together from, each written once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.contents = [Contents(plan.grid, s) for s in plan.grid.settings]
        self.outcomes = [write(n) for n in plan.grid.outcomes]
        self.terms = [t.text for t in plan.grid.controls.terms]
        self._frames: dict[tuple[int, int], tuple[str, str, frozenset[int]]] = {}
        self._effects: dict[tuple[int, int], str] = {}

    def formula(self, place: int) -> str:
        row = self.plan.codes[place].tolist()
        setting = int(self.plan.setting[place])
        head, tail, skipped = self._frame(setting, row[Core.TREATMENT])
        sets = self.plan.grid.controls
        index = sets.index[sets.start[row[Core.CONTROLS]] : sets.start[row[Core.CONTROLS] + 1]].tolist()
        controls = [self.terms[k] for k in index if k not in skipped]
        right = " + ".join([head, *controls, *([tail] if tail else [])])
        effects = self._effect_text(setting, row[Core.FIXED_EFFECTS])
        instruments = " + ".join(t.text for t in self.plan.grid.settings[setting].instruments)
        if not instruments:
            return f"{self.outcomes[row[Core.OUTCOME]]} ~ {right}{effects}"
        # as fixest and pyfixest write it: the treatment stands in the part of its instruments
        own = self.plan.grid.treatments[row[Core.TREATMENT]].term.text
        exogenous = right.removeprefix(own).removeprefix(" + ") or "1"
        return f"{self.outcomes[row[Core.OUTCOME]]} ~ {exogenous}{effects} | {own} ~ {instruments}"

    def _frame(self, setting: int, treatment: int) -> tuple[str, str, frozenset[int]]:
        """Return what stands before and after the controls, and the controls that stand there already."""
        key = (setting, treatment)
        if key not in self._frames:
            content = self.contents[setting]
            choice = self.plan.grid.treatments[treatment]
            with_texts = {t.text for t in choice.with_}
            fixed = content.fixed_terms(treatment)
            digests = content.fixed_digests(treatment)
            head = " + ".join([choice.term.text, *(t.text for t in fixed if t.text in with_texts)])
            tail = " + ".join(t.text for t in fixed if t.text not in with_texts)
            skipped = frozenset(k for k, d in enumerate(content.controls) if d in digests)
            self._frames[key] = head, tail, skipped
        return self._frames[key]

    def _effect_text(self, setting: int, choice: int) -> str:
        key = (setting, choice)
        if key not in self._effects:
            effects = (*self.plan.grid.fixed_effects[choice], *self.plan.grid.settings[setting].absorb)
            texts = dict.fromkeys(e.text for e in effects)
            self._effects[key] = " | " + " + ".join(texts) if texts else ""
        return self._effects[key]
