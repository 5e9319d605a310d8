"""The plan of random small studies against one that is made here option by option, with nothing of specdid's own.

The oracle knows a study as texts: what an operator stands for, what a variant puts in place of a column, which
texts are the same content. It enumerates with loops, compares contents as sets of texts, and has no hashes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest
import specdid
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_studies import small_panel
from specdid._plan import PlanStatus, build_plan
from specdid.panel import Evaluator, read_panel

PANEL = small_panel().with_columns((pl.col("y") > 2).cast(pl.Int64).alias("high"))
CORE = ("outcome", "treatment", "controls", "fixed_effects", "sample", "weights", "estimator")
MOST = 300
"""Specifications of a study, about."""


@dataclass(frozen=True)
class Option:
    """One option: its label and table in the file, and what it stands for as (label, content) each."""

    label: str
    written: Any
    choices: tuple[tuple[str, Any], ...]


def one(label: str, written: Any, content: Any) -> Option:
    return Option(label, written, ((label, content),))


@dataclass(frozen=True)
class Treatment:
    term: str
    beside: tuple[str, ...] = ()
    cohort: bool = False


@dataclass
class Case:
    """A study as the file has it, and what it is made of."""

    dimensions: dict[str, tuple[Option, ...]]
    star: tuple[str, ...]
    rules: list[dict[str, Any]]
    preferred: dict[str, str]
    choices: dict[str, list[tuple[str, str, Any]]] = field(init=False)

    def __post_init__(self):
        self.choices = {
            name: [(label, option.label, content) for option in options for label, content in option.choices]
            for name, options in self.dimensions.items()
        }

    def study(self, **more: Any) -> dict[str, Any]:
        head = {"title": "by hand", "data": "given.csv", "unit": "id", "time": "year"}
        if self.star:
            head["one_at_a_time"] = list(self.star)
        tables = {name: {o.label: o.written for o in options} for name, options in self.dimensions.items()}
        study = {"study": head, "derive": {"lz": "log(z)"}, **{name: tables.pop(name) for name in CORE}}
        study |= {"variant": tables} if tables else {}
        study |= {"exclude": self.rules} if self.rules else {}
        study |= {"preferred": self.preferred} if self.preferred else {}
        return {**study, "inference": {"draws": 0}, **more}


# What there is to choose from.

ATOMS = ("x1", "x2", "x3", "w", "x1:x2", "x2:x1", "lz", "y", "d")
OUTCOMES = (
    one("y", "y", "y"), one("log z", "log(z)", "log(z)"), one("lz", "lz", "lz"), one("third", "x3", "x3"),
    one("z", "z", "z"), one("high", "high", "high"), Option("both", "sw(y, x3)", (("y", "y"), ("x3", "x3"))),
)  # fmt: skip
TREATMENTS = (
    one("adoption", {"term": "d", "cohort": "cohort"}, Treatment("d", (), True)),
    one("no cohort", {"term": "d", "with": "d"}, Treatment("d", ("d",))),
    one("dose", {"term": "w", "cohort": "cohort", "with": "x2"}, Treatment("w", ("x2",), True)),
    one("by x1", {"term": "d:x1", "with": "d"}, Treatment("d:x1", ("d",))),
    one("by group", {"term": "group:d", "with": "d + x1"}, Treatment("group:d", ("d", "x1"))),
    Option("each", "sw(d, x2)", (("d", Treatment("d")), ("x2", Treatment("x2")))),
)
EFFECTS = (
    one("two-way", "id + year", ("id", "year")), one("again", "year + id", ("id", "year")), one("unit", "id", ("id",)),
    one("none", "0", ()), one("trends", "id[year] + year", ("id[year]", "year")),
    one("cells", "id + group^year", ("id", "group^year")), one("slopes", "group[[x1]] + year", ("group[[x1]]", "year")),
    Option("stepwise", "sw0(year, id + year^group)", (("0", ()), ("year", ("year",)),
           ("id + year^group", ("id", "group^year")))),
)  # fmt: skip
SAMPLES = (
    one("all", "TRUE", "TRUE"), one("rich", "x1 > 0", "x1 > 0"), one("x1 > 0", "x1 > 0", "x1 > 0"),
    one("late", "year >= 2002", "year >= 2002"), one("third", "x3 < 2", "x3 < 2"),
)  # fmt: skip
WEIGHTS = (one("none", "1", "1"), one("w", "w", "w"), one("again", "w", "w"), one("x", "exp(x3)", "exp(x3)"))
ESTIMATORS = tuple(one(label, method, method) for label, method in (
    ("OLS", "feols"), ("again", "feols"), ("PPML", "fepois"), ("SA", "sunab"), ("LP", "lpdid"), ("logit", "logit"),
))  # fmt: skip
CHANGES = tuple(one(label, change, change) for label, change in (
    ("same", {}), ("rich", {"where": "x1 > 0"}), ("late", {"where": "year >= 2002"}), ("more", {"add": "x3 + x1"}),
    ("cells", {"absorb": "group^year"}), ("slope", {"absorb": "group[x1]"}), ("poor", {"where": "x1 < 0"}),
    ("cut", {"derive": {"x3": "winsorize(x3, 0.1)"}}),
    ("twice", {"derive": {"x3": "x3 * 2"}}), ("outcome", {"derive": {"lz": "log(lz)"}}),
))  # fmt: skip


def expanded(fixed: tuple[str, ...], calls: list[tuple[str, list[str]]]) -> list[list[str]]:
    """The sums that terms outside and stepwise operators stand for, the last operator varying fastest."""
    steps = []
    for operator, arguments in calls:
        blocks = [a.split(" + ") for a in arguments]
        if operator == "mvsw":
            sizes = range(len(blocks) + 1)
            steps.append([joined(c) for k in sizes for c in itertools.combinations(blocks, k)])
        else:
            cumulated = [joined(blocks[: k + 1]) for k in range(len(blocks))]
            steps.append([[]] * operator.endswith("0") + (cumulated if operator.startswith("c") else blocks))
    return [[*fixed, *joined(parts)] for parts in itertools.product(*steps)]


def joined(parts: Iterable[list[str]]) -> list[str]:
    return list(itertools.chain(*parts))


def terms_of(sum_: list[str]) -> dict[str, None]:
    """A sum's terms, each once in the order written: `a:b` and `b:a` are one."""
    out: dict[str, str] = {}
    for term in sum_:
        out.setdefault(same(term), term)
    return out


def same(term: str) -> str:
    return ":".join(sorted(term.split(":")))


@st.composite
def controls(draw, number):
    """One option of controls: terms outside, and one or two operators."""
    atoms = st.sampled_from(ATOMS)
    fixed = tuple(draw(st.lists(atoms, max_size=2, unique_by=same)))
    arguments = st.lists(st.one_of(atoms, st.just("x2 + w")), min_size=1, max_size=3, unique_by=same)
    call = st.tuples(st.sampled_from(("sw", "sw0", "csw", "csw0", "mvsw")), arguments)
    calls = draw(st.lists(call, max_size=2))
    text = " + ".join((*fixed, *(f"{o}({', '.join(a)})" for o, a in calls))) or "1"
    sums = [terms_of(s) for s in expanded(fixed, calls)]
    label = f"option {number}"
    # An interaction has one spelling throughout an option, that of its first place in the text.
    spelled = terms_of([*fixed, *(atom for _, a in calls for part in a for atom in part.split(" + "))])
    labels = [" + ".join(spelled[t] for t in s) or "1" for s in sums] if len(sums) > 1 else [label]
    return Option(label, text, tuple(zip(labels, (frozenset(s) for s in sums), strict=True)))


@st.composite
def cases(draw):
    """A study of at most about MOST specifications."""
    pools = {
        "outcome": OUTCOMES,
        "treatment": TREATMENTS,
        "fixed_effects": EFFECTS,
        "sample": SAMPLES,
        "weights": WEIGHTS,
        "estimator": ESTIMATORS,
    }
    some = {
        name: st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique_by=lambda o: o.label)
        for name, pool in pools.items()
    }
    some["controls"] = st.integers(1, 2).flatmap(lambda n: st.tuples(*(controls(k) for k in range(n))))
    some = {name: some[name] for name in CORE}
    for k in range(draw(st.integers(0, 3))):
        some[f"v{k}"] = st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3, unique_by=lambda o: o.label)
    found, total = {}, 1
    for name in draw(st.permutations(list(some))):
        options = tuple(draw(some[name]))
        count = [sum(len(o.choices) for o in options[:k]) for k in range(1, len(options) + 1)]
        found[name] = options[: max(1, sum(total * c <= MOST for c in count))]
        total *= sum(len(o.choices) for o in found[name])
    found = {name: found[name] for name in some}
    star = tuple(draw(st.lists(st.sampled_from(list(found)), unique=True, max_size=3)))
    selector = {name: _selector(name, options) for name, options in found.items()}
    condition = st.lists(st.sampled_from(list(found)), unique=True, min_size=1, max_size=2).flatmap(
        lambda names: st.fixed_dictionaries({name: selector[name] for name in names})
    )
    rule = st.fixed_dictionaries({"when": condition}, optional={"unless": condition})
    rules = [r | {"because": f"rule {k}"} for k, r in enumerate(draw(st.lists(rule, max_size=3)))]
    labels = {
        name: st.sampled_from([label for o in options for label, _ in o.choices]) for name, options in found.items()
    }
    preferred = draw(st.fixed_dictionaries({}, optional=labels))
    return Case(found, star, rules, preferred)


def _selector(name, options):
    labels = sorted({label for o in options for label in (o.label, *(choice for choice, _ in o.choices))})
    label = st.sampled_from(labels)
    by_terms = (
        [
            st.fixed_dictionaries({}, optional={"has": st.sampled_from(ATOMS), "lacks": st.sampled_from(ATOMS)}).filter(
                bool
            )
        ]
        if name == "controls"
        else []
    )
    return st.one_of(label, st.lists(label, min_size=1, max_size=2), *by_terms)


# The oracle.


def replaced(text: str, change: dict[str, str]) -> str:
    """``text`` with columns written out."""
    return re.sub(r"[a-z]\w*", lambda m: change.get(m[0], m[0]), text)


def columns_of(changes: list[dict[str, Any]]) -> dict[str, str]:
    """What each column is under the variants' options: the data's first, then those of [derive]."""
    out: dict[str, str] = {}
    for name, own in (("x3", None), ("lz", "log(z)")):
        if own is not None:
            out[name] = replaced(own, out)
        for change in changes:
            if name in change.get("derive", {}):
                out[name] = f"({replaced(change['derive'][name], out)})"
    return out


@dataclass(frozen=True)
class Row:
    place: tuple[int, ...]
    reason: tuple[str, str] | None
    content: tuple[Any, ...]


def by_hand(case: Case) -> list[Row]:
    """Every specification in plan order."""
    names, rows = list(case.choices), []
    for place in itertools.product(*(range(len(c)) for c in case.choices.values())):
        if sum(place[names.index(name)] > 0 for name in case.star) <= 1:
            rows.append(_row(case, place))
    return rows


def _row(case: Case, place: tuple[int, ...]) -> Row:
    chosen = {name: case.choices[name][k] for name, k in zip(case.choices, place, strict=True)}
    outcome, treatment, sums, effects, sample, weights, method = (chosen[name][2] for name in CORE)
    changes = [content for name, (_, _, content) in chosen.items() if name not in CORE]
    columns = columns_of(changes)
    out = lambda text: same(replaced(text, columns))  # noqa: E731
    beside = dict.fromkeys(out(t) for t in treatment.beside)
    beside |= dict.fromkeys(out(t) for c in changes if "add" in c for t in c["add"].split(" + "))
    term = out(treatment.term)
    beside.pop(term, None)
    right = frozenset(beside) | {out(t) for t in sums} - {term}
    absorbed = [c["absorb"] for c in changes if "absorb" in c]
    levels = frozenset((*effects, *absorbed))
    rows = frozenset(out(c) for c in (sample, *(c["where"] for c in changes if "where" in c)) if c != "TRUE")
    reason = None
    for rule in case.rules:
        saved = "unless" in rule and _holds(rule["unless"], chosen)
        if reason is None and _holds(rule["when"], chosen) and not saved:
            reason = ("rule", rule["because"])
    if reason is None and out(outcome) in right | {term}:
        reason = ("own_outcome", f"the outcome `{outcome}` is on its own right-hand side")
    reason = reason or _not_honoured(method, treatment, weights, levels)
    reason = reason or _no_main_effects(treatment, right, levels, out)
    reason = reason or _unfit(method, outcome, replaced(outcome, columns), rows)
    uses_cohort = method in ("sunab", "lpdid")
    content = (out(outcome), term, right, levels, rows, out(weights), method, uses_cohort and treatment.cohort)
    return Row(place, reason, content)


def _holds(condition: dict[str, Any], chosen: dict[str, tuple[str, str, Any]]) -> bool:
    return all(_means(wanted, chosen[name]) for name, wanted in condition.items())


def _means(wanted: Any, choice: tuple[str, str, Any]) -> bool:
    label, option, content = choice
    if isinstance(wanted, dict):
        has, lacks = wanted.get("has"), wanted.get("lacks")
        return (has is None or same(has) in content) and (lacks is None or same(lacks) not in content)
    return any(w in (label, option) for w in ([wanted] if isinstance(wanted, str) else wanted))


def _not_honoured(method: str, treatment: Treatment, weights: str, levels: frozenset[str]) -> tuple[str, str] | None:
    if method == "logit" and weights != "1":
        return "not_honoured", "logit takes no weights"
    if method == "lpdid" and levels != {"id", "year"}:
        return "not_honoured", "lpdid always has unit and time effects, exactly these"
    if method in ("fepois", "logit", "lpdid") and any("[" in e for e in levels):
        return "not_honoured", f"{method} takes no slopes in the fixed effects"
    if method in ("sunab", "lpdid"):
        if not treatment.cohort:
            return "no_cohort", f"{method} needs a cohort and `{treatment.term}` declares none"
        if treatment.term != "d":
            return "not_binary", f"{method} needs a 0/1 treatment and `{treatment.term}` is not"
    return None


def _no_main_effects(
    treatment: Treatment, right: frozenset[str], levels: frozenset[str], out: Any
) -> tuple[str, str] | None:
    factors = treatment.term.split(":")
    for factor in factors if len(factors) > 1 else ():
        # Of the factors only group is constant within levels: of units, its own, and its cells by year.
        absorbed = factor == "group" and bool(levels & {"id", "group^year", "id[year]", "group[x1]"})
        if out(factor) not in right and not absorbed:
            return "no_main_effects", f"`{treatment.term}` without the main effect of `{factor}`"
    return None


def winsorized(values: np.ndarray, share: float) -> np.ndarray:
    return np.clip(values, *np.quantile(values, [share, 1 - share]))


KNOWN = {**{name: PANEL[name].to_numpy() for name in PANEL.columns}, "log": np.log, "winsorize": winsorized}


def values_of(text: str) -> np.ndarray:
    """An expression's values on the panel: Python reads these few as R does."""
    with np.errstate(all="ignore"):
        return np.asarray(eval(text, {"__builtins__": {}}, KNOWN))


def _unfit(method: str, outcome: str, text: str, rows: frozenset[str]) -> tuple[str, str] | None:
    if method not in ("fepois", "logit"):
        return None
    values = values_of(text)[np.logical_and.reduce([np.ones(len(PANEL), bool), *map(values_of, rows)])]
    values = values[np.isfinite(values)]
    if not len(values):
        return None  # which is found when it is estimated
    low, high = values.min(), values.max()
    has = f"has values from {low:.4g} to {high:.4g}" if low != high else f"is {low:.4g} in every row of the sample"
    needed = ""
    if method == "fepois" and low < 0:
        needed = "of zero or more"
    elif method == "logit":
        needed = "" if {*values.tolist()} == {0, 1} else "that varies" if {*values.tolist()} < {0, 1} else "of 0 and 1"
    return ("unfit_outcome", f"{method} needs an outcome {needed}, and `{outcome}` {has}") if needed else None


def hopeless(case: Case, rows: list[Row]) -> bool:
    """Whether all specifications of a treatment lack a main effect."""
    lacking: dict[int, set[bool]] = {}
    for row in rows:
        lacking.setdefault(row.place[1], set()).add(row.reason is not None and row.reason[0] == "no_main_effects")
    return {True} in lacking.values()


@pytest.fixture(scope="module")
def planned():
    """Plans a study without the checks before it, which refuse some that are here."""
    study = specdid.read(
        {
            "study": {"title": "t", "data": "d.csv", "unit": "id", "time": "year"},
            "outcome": {"y": "y"},
            "treatment": {"d": "d"},
        }
    )
    panel, _ = read_panel(study, PANEL)
    evaluator = Evaluator(panel)
    return lambda made: build_plan(specdid.read(made), panel, evaluator)


def of(**tables: list[Option]) -> Case:
    """A case of these options, and the first of what is not given."""
    pools = (OUTCOMES, TREATMENTS, [one("none", "1", frozenset())], EFFECTS, SAMPLES, WEIGHTS, ESTIMATORS)
    core = {name: tuple(tables.pop(name, pool[:1])) for name, pool in zip(CORE, pools, strict=True)}
    return Case(core | {name: tuple(options) for name, options in tables.items()}, (), [], {})


def called(pool: tuple[Option, ...], labels: str) -> list[Option]:
    return [option for label in labels.split(", ") for option in pool if option.label == label]


INTERACTED = called(TREATMENTS, "by group")


# What random cases seldom bring together.
@example(case=of(treatment=INTERACTED, fixed_effects=called(EFFECTS, "none, stepwise"), v=list(CHANGES)))
@example(case=of(treatment=INTERACTED, fixed_effects=called(EFFECTS, "slopes, trends")))
@example(case=of(estimator=called(ESTIMATORS, "OLS, PPML, logit"), v=called(CHANGES, "same, slope")))
@example(case=of(controls=[one("a", "x1:x2", frozenset(["x1:x2"])), one("b", "x2:x1", frozenset(["x1:x2"]))]))
@example(
    case=of(
        treatment=called(TREATMENTS, "by x1"),
        controls=[one("a", "x1", frozenset(["x1"])), one("b", "x1 + x1:d", frozenset(["x1", "d:x1"]))],
    )
)
@example(
    case=of(outcome=called(OUTCOMES, "lz, log z"), v=called(CHANGES, "same, outcome"), w=called(CHANGES, "outcome"))
)
@example(
    case=of(
        outcome=called(OUTCOMES, "third, z, high"),
        sample=called(SAMPLES, "all, rich, third"),
        estimator=called(ESTIMATORS, "OLS, PPML, logit"),
        v=called(CHANGES, "same, poor, cut, twice"),
    )
)
@settings(max_examples=examples(120))
@given(case=cases())
def test_every_specification_is_the_one_made_by_hand(planned, case):
    rows = by_hand(case)
    if hopeless(case, rows):
        with pytest.raises(specdid.SpecError) as caught:
            planned(case.study())
        assert {f.code for f in caught.value.faults if f.severity == "error"} == {"no_main_effects"}
        return
    if len(rows) > 1:
        with pytest.raises(specdid.SpecError) as caught:
            planned(case.study(run={"limit": len(rows) - 1}))
        assert [f.code for f in caught.value.faults] == ["too_many"] * len(caught.value.faults)
    made = planned(case.study(run={"limit": len(rows)}))
    assert {d.name: list(d.labels) for d in made.dimensions} == {
        name: [label for label, _, _ in choices] for name, choices in case.choices.items()
    }
    assert made.codes.tolist() == [list(row.place) for row in rows]
    reasons = [(made.reasons[r].code, made.reasons[r].message) if r >= 0 else None for r in made.reason.tolist()]
    assert reasons == [row.reason for row in rows]
    first: dict[Any, int] = {}
    twins = []
    for place, row in enumerate(rows):
        twin = first.setdefault(row.content, place) if row.reason is None else place
        twins.append(-1 if twin == place else twin)
    assert made.twin.tolist() == twins
    states = [
        PlanStatus.EXCLUDED if row.reason else PlanStatus.DUPLICATE if twin >= 0 else PlanStatus.PLANNED
        for row, twin in zip(rows, twins, strict=True)
    ]
    assert made.status.tolist() == states
    contents: dict[Any, int] = {}
    assert _classes(made.ids.tolist()) == _classes([contents.setdefault(r.content, len(contents)) for r in rows])
    wanted = tuple(
        next((k for k, c in enumerate(choices) if case.preferred.get(name) == c[0]), 0)
        for name, choices in case.choices.items()
    )
    places = [row.place for row in rows]
    assert made.preferred == (places.index(wanted) if case.preferred and wanted in places else -1)


def _classes(values: list[Any]) -> list[int]:
    seen: dict[Any, int] = {}
    return [seen.setdefault(v, len(seen)) for v in values]
