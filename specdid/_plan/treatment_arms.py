"""A factor as the treatment: one specification per arm against a reference, with all arms in every regression.

``arms = "i(arm, ref = 'control')"``, or ``arms = "arm"`` where a level is called control, becomes the treatments
``arms: b``, ``arms: c``, … Each is the 0/1 of its arm with those of the other arms among the terms (``with``), so the
arms of one specification share one regression, as they do in ``y ~ factor(arm)``: rows of other arms stay, and are no
controls of this one. ``i(arm, x, ref = "control")`` are the products of each with x, as a period after the treatment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from specdid import language
from specdid._arrays import Bools, Ints
from specdid._diagnostics import Fault, closest, fault_at, many
from specdid._plan.expand import base_scope
from specdid._plan.records import Plan
from specdid._plan.sample_levels import number_node, rename_labels
from specdid._study import Core, Expression, Study, TreatmentOption
from specdid.language import LanguageError, bind
from specdid.language.arguments import number_value
from specdid.language.functions import FUNCTIONS, argument
from specdid.language.tree import Argument, Binary, Call, Name, Node, Text, chain
from specdid.panel import EvaluationError, Evaluator, Panel, number_text

MOST = 50
"""Arms at most: each is a treatment, and a term in the regressions of all."""
SHOWN = 6
"""Levels that a message names."""


def expand_arms(study: Study, panel: Panel | None, evaluator: Evaluator | None) -> tuple[Study, tuple[Fault, ...]]:
    """Write treatments that are factors out, an option for each arm.

    [[exclude]] and [preferred] may name one of these, or the treatment's own label for all. Without data they
    stay as they are, and nothing is said of them.

    Returns
    -------
    study, faults
    """
    if panel is None or evaluator is None:
        return study, ()
    faults: list[Fault] = []
    options: list[TreatmentOption] = []
    rename: dict[str, tuple[str, ...]] = {}
    for option in study.treatment:
        call = _factor(study, option.term.tree, panel, evaluator)
        if call is None:
            options.append(option)
            continue
        try:
            made = _arms(study, option, call, panel, evaluator, faults)
        except (LanguageError, EvaluationError):
            options.append(option)  # which has its own fault
            continue
        except _NoArmsError as error:
            span = call.span if error.node is None else error.node.span
            faults.append(fault_at(option.term.origin, span, "treatment_arms", str(error), error.help))
            study = replace(study, unread=study.unread | {("treatment", option.label or option.term.text)})
            continue
        rename[option.label or option.term.text] = tuple(o.label or "" for o in made)
        options += made
    if rename:
        faults += _matched(study)
    return rename_labels(replace(study, treatment=tuple(options)), {"treatment": rename}), tuple(faults)


def arm_factors(plan: Plan) -> Ints:
    """Return for each choice of the treatment the factor of which it is an arm, -1 where of none."""
    options = plan.study.treatment
    origins = [option.origin for option in options]
    own = [origins.index(o.origin) if o.arm is not None else -1 for o in options]
    return np.array(own, np.int64)[plan.dimensions[Core.TREATMENT].option]


class _NoArmsError(ValueError):
    """A factor that is no treatment; ``help`` says what to write."""

    def __init__(self, message: str, help: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.help, self.node = help, node


@dataclass(frozen=True, slots=True)
class _Level:
    node: Node
    text: str
    rows: Bools


def _factor(study: Study, tree: Node, panel: Panel, evaluator: Evaluator) -> Call | None:
    """Return a treatment as ``i()`` or ``factor()``: a column of text is one where a level says which is the control.

    Of two levels a condition says more, and so does ``i()`` where no level, or more than one, sounds like a control.
    Numbers among which a cell is no number (0, 1, n/a) are a fault of the data, not arms.
    """
    if isinstance(tree, Call) and tree.function in ("i", "factor", "C"):
        return tree
    if not isinstance(tree, Name):
        return None
    try:
        column = evaluator.column(bind(tree, base_scope(study, tuple(panel.columns))))
    except (LanguageError, EvaluationError):
        return None
    controls = [level for level in column.levels if level.strip().casefold() in CONTROLS]
    if column.codes is None or column.odd or len(column.levels) < 3 or len(controls) != 1:
        return None
    return Call("i", (Argument(tree), Argument(Text(controls[0]), "ref")), tree.span)


def _arms(
    study: Study, option: TreatmentOption, call: Call, panel: Panel, evaluator: Evaluator, faults: list[Fault]
) -> list[TreatmentOption]:
    of = argument(call, FUNCTIONS[call.function].parameters[0].name)
    assert of is not None  # the language has looked
    while isinstance(of, Call) and of.function in ("factor", "C") and of.arguments and of.arguments[0].value:
        of = of.arguments[0].value
    column = evaluator.column(bind(of, base_scope(study, tuple(panel.columns))))
    words = language.write(of)
    if column.codes is not None:
        seen = [k for k in range(len(column.levels)) if (column.codes == k).any()]
        levels = [_Level(Text(column.levels[k]), column.levels[k], column.codes == k) for k in seen]
    else:
        numbers = column.numbers
        assert numbers is not None
        values = np.unique(numbers[np.isfinite(numbers)]).tolist()
        if len(values) > MOST + 1:
            message = f"`{words}` has {len(values):,} values, and each would be an arm; at most {MOST} are"
            raise _NoArmsError(message, f"make groups of it, as in `cut({words}, c(1, 2))`, or take the number itself")
        levels = [_Level(number_node(v), number_text(v), numbers == v) for v in values]
    if of == Name(study.time or "") or (
        panel.periods is not None and all(_whole(v.rows, panel.periods) for v in levels)
    ):
        message = f"`{words}` is the same for all units of a period: these are no arms, but effects over time"
        raise _NoArmsError(message, "name the 0/1 treatment and its cohort; [event_study] has its leads and lags")
    reference = _references(call, words, levels)
    arms = [level for level in levels if level.text not in reference]
    if not arms or len(arms) > MOST:
        many = (
            f"{len(arms):,} levels beside the reference; at most {MOST} are arms"
            if arms
            else "no arm but the reference"
        )
        raise _NoArmsError(f"`{words}` has {many}", "name a column with a level for each arm")
    if option.cohort is not None:
        message = "a treatment of several arms has no cohort: whoever takes the other arms would count as untreated"
        compared = ", ".join(language.write(v.node) for v in levels if v.text in {arms[0].text, *reference})
        help = "write each arm as a treatment of its own, `{ term, cohort }`, and a sample without the other arms: "
        raise _NoArmsError(message, f"{help}`{words} %in% c({compared})`")
    by = _given(call, "x")
    parts = [_term(of, by, level.node) for level in arms]
    label, against = option.label or words, " or ".join(sorted(reference))
    found = []
    for k, level in enumerate(arms):
        others = [*(chain(option.with_.tree, "+") if option.with_ else []), *parts[:k], *parts[k + 1 :]]
        found.append(
            replace(
                option,
                label=f"{label}: {level.text}",
                term=_expression(parts[k], option),
                with_=_expression(reduce(lambda a, b: Binary("+", a, b), others), option) if others else None,
                arm=f"{level.text} against {against}",
            )
        )
    faults.append(_told(option, call, panel, arms, [v for v in levels if v.text in reference], study))
    return found


def _whole(rows: Bools, periods: Ints) -> bool:
    """Say whether some rows are all those of some periods."""
    return not np.isin(periods[~rows], periods[rows]).any()


def _references(call: Call, words: str, levels: Sequence[_Level]) -> set[str]:
    """Return the levels that arms are compared with, as texts."""
    shown = ", ".join(level.text for level in levels[:SHOWN]) + (", …" if len(levels) > SHOWN else "")
    control = next((v for v in levels if v.text.casefold() in CONTROLS), levels[0] if levels else None)
    written = "0" if control is None else language.write(control.node)
    by = _given(call, "x")
    line = f"i({words}, " if by is None else f"i({words}, {language.write(by)}, "
    line = f"write `{line}ref = {written})` where {control.text if control else '0'} is untreated"
    for name in ("ref2", "bin", "keep"):
        if (extra := _given(call, name)) is not None:
            message = f"a treatment takes no `{name}`"
            raise _NoArmsError(message, "derive a column with a level for each arm, as by `case_when()`", extra)
    given = _given(call, "ref")
    if given is None:
        message = f"the treatment `{language.write(call)}` does not say which of {shown} its arms are compared with"
        raise _NoArmsError(message, line)
    found = set()
    values = [a.value for a in given.arguments] if isinstance(given, Call) and given.function == "c" else [given]
    for value in values:
        number = None if value is None else number_value(value)
        text = value.value if isinstance(value, Text) else number_text(number) if number is not None else ""
        if text not in {level.text for level in levels}:
            near = closest(text, [level.text for level in levels])
            message = f"no row has `{words}` = {text or language.write(given)}: its levels are {shown}"
            raise _NoArmsError(message, f"did you mean {near}?" if near else line, given)
        found.add(text)
    return found


CONTROLS = ("control", "controls", "none", "untreated", "placebo", "no", "0", "对照组", "对照", "控制组", "无")
"""What a level is called that arms are compared with."""


def _given(call: Call, name: str) -> Node | None:
    """Return an argument of ``i()``; ``factor()`` has none but the factor."""
    return argument(call, name) if call.function == "i" else None


def _term(of: Node, by: Node | None, level: Node) -> Node:
    same = Binary("==", of, level)
    return same if by is None else Binary(":", Call("I", (Argument(same),)), by)


def _expression(tree: Node, option: TreatmentOption) -> Expression:
    return Expression(language.write(tree), tree, option.term.origin)


def _matched(study: Study) -> list[Fault]:
    """Refuse matching that would take whoever is in another arm for untreated."""
    message = "each arm would be matched with the other arms too, which are not among its treated"
    help = "say who is treated in `match`: treated = \"arm != 'control'\""
    found = [o.match for o in study.sample if o.match is not None and o.match.treated is None]
    return [fault_at(match.origin, None, "match_arms", message, help) for match in found]


def _told(
    option: TreatmentOption,
    call: Call,
    panel: Panel,
    arms: Sequence[_Level],
    reference: Sequence[_Level],
    study: Study,
) -> Fault:
    """Say which arms there are, with their units, and what is pooled."""
    units, word = (np.arange(panel.n_rows), "row") if panel.unit_codes is None else (panel.unit_codes, "unit")
    counts = [len(np.unique(units[level.rows])) for level in arms]
    compared, taken = (units[np.any([v.rows for v in part], axis=0)] for part in (reference, arms))
    rest = np.setdiff1d(compared, taken)
    each = ", ".join(f"{v.text} ({many(n, word)})" for v, n in zip(arms, counts, strict=True))
    against = " or ".join(level.text for level in reference)
    message = f"arms, all in each regression: {each}, against {against} ({many(len(rest), word)} in no arm)"
    if len(arms) > 1 and study.inference.draws and study.inference.null:
        message += "; the median estimate is tested by arm, all other joint statistics (median t) of all arms together"
    return fault_at(option.term.origin, call.span, "arms", message, severity="warning")
