"""The plan as the records want it: labels, formulas, estimands and reasons by position."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from specdid._plan import Plan, PlanStatus
from specdid._plan.identity import Contents
from specdid._records import Planned, Status, TextColumn, code_of
from specdid._study import Core
from specdid.language import write

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
        display=plan.study.labels,
        types=_types(plan),
        together=tuple(tie.dimensions for tie in plan.study.together),
        language=plan.study.language,
    )


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
        head, tail, skipped = self._frame(setting, row[1])
        sets = self.plan.grid.controls
        index = sets.index[sets.start[row[2]] : sets.start[row[2] + 1]].tolist()
        controls = [self.terms[k] for k in index if k not in skipped]
        right = " + ".join([head, *controls, *([tail] if tail else [])])
        effects = self._effect_text(setting, row[3])
        instruments = " + ".join(t.text for t in self.plan.grid.settings[setting].instruments)
        if not instruments:
            return f"{self.outcomes[row[0]]} ~ {right}{effects}"
        # as fixest and pyfixest write it: the treatment stands in the part of its instruments
        own = self.plan.grid.treatments[row[1]].term.text
        exogenous = right.removeprefix(own).removeprefix(" + ") or "1"
        return f"{self.outcomes[row[0]]} ~ {exogenous}{effects} | {own} ~ {instruments}"

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
