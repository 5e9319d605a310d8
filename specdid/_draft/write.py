"""A spec file of what was found: every line with its evidence, and COMPLETE where the data cannot say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from specdid._arrays import Floats
from specdid._diagnostics import many
from specdid._draft.look import MOST_SHOWN, SPAN, Looked, shown_values
from specdid._toml import toml_text
from specdid.language import write_name
from specdid.panel import number_text, told_codes
from specdid.panel.times import days_advice

WIDTH = 110
_LOGS = re.compile(r"(?i)l_|ln|log")


def draft_text(found: Looked, data: str, stem: str, bare: bool = False) -> str:
    """Write the draft.

    Parameters
    ----------
    data : the file as the spec names it, relative to the spec
    stem : the spec's own name without its ending
    bare : leave out the event study and estimators by cohort, which need more of the data than least squares does
    """
    terms = _Terms(found)
    blocks = [
        _head(found, stem),
        _study(found, data, stem, terms),
        _derive(terms),
        _outcome(found),
        _treatment(found, terms),
        _controls(found),
        _effects(found),
        _sample(found),
        _weights(found),
        _estimator(found, terms, bare),
        _vcov(found),
        [
            "[inference]",
            "draws = 999",
            'null  = ["wild"]',
            *([f"cluster = {toml_text(write_name(found.decided))}"] if found.decided is not None else []),
        ],
        _event_study(found, terms, bare),
    ]
    return "\n".join("".join(f"{line}\n" for line in lines) for lines in blocks if lines)


def findings(found: Looked) -> list[str]:
    """Return what is printed of a draft: what was chosen, by what evidence, and what is left to a person."""
    key, treatment = found.key, found.treatment
    lines = [
        f"unit {' × '.join(map(_code, key.parts))}, time {_code(key.time)}: {_evidence(found)}",
        f"treatment {_of(treatment.term, treatment.cohort, treatment.group, treatment.after)}: {treatment.why}",
    ]
    if not found.outcome_given:
        lines.append(
            f"COMPLETE the outcome: {_code(found.outcomes[0])} stands in its place, for no better reason than order"
        )
    if found.decided is not None:
        lines.append(f"errors clustered by {_code(found.decided)}: all units of one are treated alike at every time")
    lines.append("COMPLETE the controls: none stands there; candidates are listed")
    lines += [f"COMPLETE: {said}" for said in _doubts(found)]
    texts = [f"left out {_code(n)}, which is text: {one_line(why)}" for n, why in found.text_numbers.items()]
    lines += texts[:MOST_SHOWN]
    if len(texts) > MOST_SHOWN:
        lines.append(f"left out {many(len(texts) - MOST_SHOWN, 'further column')} of text whose cells are numbers")
    lines += [f"left out {_code(n)}, which is {why}" for n, why in list(found.infinite.items())[:MOST_SHOWN]]
    return lines


def _of(term: str | None, cohort: str | None, group: str | None, after: str | None) -> str:
    if term is not None:
        return _code(term)
    return f"from {_code(cohort)}" if cohort is not None else f"{_code(group or '')} × {_code(after or '')}"


def one_line(text: str) -> str:
    """Return a text that stays within its line of comment."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def _code(name: str) -> str:
    return f"`{one_line(name)}`"


def comment(text: str, indent: str = "") -> list[str]:
    """Break a comment into lines at blanks."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + len(word) + 3 + len(indent) > WIDTH:
            lines.append(f"# {indent}{line}")
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, f"# {indent}{line}"]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(_code, names[:MOST_SHOWN]))
    return shown + (f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else "")


class _Terms:
    """How treatment and cohort are written, with what has to be derived for them."""

    def __init__(self, found: Looked) -> None:
        self.derived: dict[str, tuple[str, str]] = {
            name: (made, f"{_code(n)} is text") for n, (name, made) in found.made.items()
        }
        self.cohort: str | None = None
        self._taken = {
            *self.derived,
            found.key.unit,
            found.key.time,
            *found.outcomes,
            *found.others,
            *found.groups,
            *found.missing,
        }
        treatment, time = found.treatment, write_name(found.key.time)
        if found.expression is not None and treatment.term is not None:
            self.derived[treatment.term] = (found.expression, "named by you")
        if treatment.cohort is not None:
            self.cohort = write_name(treatment.cohort)
        if treatment.term is not None:
            self.term = write_name(treatment.term)
            if self.cohort is None and treatment.first is not None:
                first = f"first({self.term} == 1)"
                self.cohort = self._derive("cohort", f"ifelse(is.finite({first}), {first}, 0)", "0 is never treated")
        elif self.cohort is not None:
            after = f"({self.cohort} > 0) * ({time} >= {self.cohort})"
            known = f"ifelse(is.na({self.cohort}), 0, {after})" if "empty" in treatment.never else after
            codes = [v for v in treatment.never if isinstance(v, float) and v]
            self.term = self._derive(
                "treated",
                known,
                "1 from the first treated period on"
                + (f"; {', '.join(map(number_text, codes))} is after the last one" if codes else ""),
            )
        else:
            product = f"{write_name(treatment.group or '')} * {write_name(treatment.after or '')}"
            self.term = self._derive("treated", product, "who, and since when")
            first = f"first({self.term} == 1)"
            self.cohort = self._derive("cohort", f"ifelse(is.finite({first}), {first}, 0)", "0 is never treated")

    def _derive(self, name: str, expression: str, why: str) -> str:
        while name in self._taken:
            name += "_1"
        self.derived[name] = (expression, why)
        return name


def _evidence(found: Looked) -> str:
    key = found.key
    filled = found.n_rows / (key.units * key.times)
    same = f"; the same units in {_listed(key.same)}" if key.same else ""
    return (
        f"one row for each pair, {key.units:,} units and {key.times:,} periods, "
        f"{filled:.0%} of their combinations{same}"
    )


def _head(found: Looked, stem: str) -> list[str]:
    return [
        *comment(
            f"A draft for {one_line(found.name)}, by `specdid init --data`. What columns show stands with its "
            "evidence; what no column can show is marked COMPLETE. Nothing here was asked of anybody: read every line."
        ),
        "#",
        *(f"#   specdid {command:<5} {one_line(stem)}.toml" for command in ("check", "plan", "run")),
    ]


def _unit(parts: Sequence[str]) -> str:
    named = [toml_text(write_name(part)) for part in parts]
    return named[0] if len(named) == 1 else f"[{', '.join(named)}]"


def _study(found: Looked, data: str, stem: str, terms: _Terms) -> list[str]:
    key, treatment = found.key, found.treatment
    title = f"{one_line(stem)}: draft" + ("" if found.outcome_given else ", outcome not yet chosen")
    lines = [
        "[study]",
        f"title = {toml_text(title)}",
        f"data  = {toml_text(data)}",
        *comment(_evidence(found)),
        f"unit  = {_unit(key.parts)}",
        f"time  = {toml_text(write_name(key.time))}",
    ]
    if key.step is not None:
        lines.append(f"step  = {toml_text(key.step)}  # how periods are written, or how far apart they are")
    if treatment.cohort is not None and treatment.never:
        lines.append(f"never = {shown_values(treatment.never)}  # COMPLETE: do these mean never treated?")
    gaps = [f"{_code(n)} {count:,}" for n, count in sorted(found.missing.items(), key=lambda pair: -pair[1])]
    if gaps:
        more = f" and {many(len(gaps) - MOST_SHOWN, 'further column')}" if len(gaps) > MOST_SHOWN else ""
        lines += comment(
            f"Missing cells: {', '.join(gaps[:MOST_SHOWN])}{more}. A specification loses the rows of its own columns."
        )
    for said in _doubts(found):
        lines += comment(f"COMPLETE: {said}.")
    return lines


def _doubts(found: Looked) -> list[str]:
    """Say that days are weeks or months, how text is read, and which numbers of candidates may mean missing."""
    said = [days] if found.key.step == "day" and (days := days_advice(found.key.written)) else []
    for n, (name, made) in list(found.made.items())[:MOST_SHOWN]:
        said.append(f"{_code(n)} is text, read by {one_line(made)} as `{name}`, if its cells mean that")
    for n, codes in list(found.codes.items())[:MOST_SHOWN]:
        shown, made = told_codes(_written(found, n), codes, found.called.get(n, {}))
        said.append(f"{_code(n)} is {one_line(shown)}: if that means missing, derive {made}")
    return said


def toml_key(name: str) -> str:
    """Return a key as TOML has it: in quotes but for ASCII letters, digits and _."""
    return name if re.fullmatch(r"[A-Za-z0-9_]+", name) else toml_text(name)


def _derive(terms: _Terms) -> list[str]:
    rows = [f"{toml_key(name)} = {toml_text(text)}  # {one_line(why)}" for name, (text, why) in terms.derived.items()]
    return ["[derive]", *rows] if rows else []


def _label(name: str) -> str:
    """Return a label as TOML has it: what is a column's name, in one line."""
    return toml_text(one_line(name))


def _written(found: Looked, name: str) -> str:
    """Write an outcome's column, or what is made of it."""
    return found.made[name][0] if name in found.made else write_name(name)


def _line(found: Looked, name: str) -> str:
    """Write an outcome, as a log where all its values are positive and its name does not say that it is one."""
    if name in found.positive and not _LOGS.match(name):
        return f"{_label(f'ln {name}')} = {toml_text(f'log({_written(found, name)})')}"
    return f"{_label(name)} = {toml_text(_written(found, name))}"


def _outcome(found: Looked) -> list[str]:
    if found.outcome_given:
        (name, *_) = found.outcomes
        lines = ["[outcome]", f"{_label(name)} = {toml_text(_written(found, name))}"]
        return [*lines, "# " + _line(found, name)] if name in found.positive else lines
    first, *others = found.outcomes
    lines = [
        "[outcome]",
        *comment(
            "COMPLETE: no column says that it is the outcome. This is the first that varies within and between units; "
            "put yours in its place, and mend the title. Other candidates, those that are always positive as a log:"
        ),
        f"{_label(first)} = {toml_text(_written(found, first))}",
        *[f"# {_line(found, n)}" for n in others][:MOST_SHOWN],
    ]
    if len(others) > MOST_SHOWN:
        lines.append(f"# and {len(others) - MOST_SHOWN:,} more")
    return lines


def _treatment(found: Looked, terms: _Terms) -> list[str]:
    treatment, key = found.treatment, found.key
    lines = ["[treatment]", *comment(f"Chosen because: {one_line(treatment.why)}.")]
    if treatment.first is not None:
        lines += comment(_adoption(treatment.first, found))
    if treatment.lags:
        lines += comment(f"Lags or copies of it: {_listed(treatment.lags)}.")
    label = treatment.term or treatment.cohort or treatment.group or "treated"
    cohort = f", cohort = {toml_text(terms.cohort)}" if terms.cohort is not None else ""
    lines.append(f"{_label(label)} = {{ term = {toml_text(terms.term)}{cohort} }}")
    if found.others:
        said = [f"{_code(n)} {one_line(why)}" for n, why in found.others.items()]
        more = f"; and {len(said) - MOST_SHOWN:,} more" if len(said) > MOST_SHOWN else ""
        lines += comment(f"Not taken: {'; '.join(said[:MOST_SHOWN])}{more}.")
    if treatment.first is None:
        lines += comment(
            f"It does not switch once in a {key.unit}: estimators by cohort and event studies do not apply."
        )
    return lines


def _adoption(first: Floats, found: Looked) -> str:
    """Count units by first treated period, as the time is written."""
    key = found.key
    of_unit = np.full(key.units, np.inf)
    of_unit[key.codes] = first
    start = np.full(key.units, np.iinfo(np.int64).max)
    np.minimum.at(start, key.codes, key.periods)
    written: Mapping[int, float] = dict(zip(key.periods.tolist(), key.written.tolist(), strict=True))
    never, always = int(np.isinf(of_unit).sum()), int((of_unit <= start).sum())
    begun = np.unique(of_unit[np.isfinite(of_unit)]).tolist()
    counts = [f"{number_text(written.get(int(p), p))} ({int((of_unit == p).sum()):,})" for p in begun]
    more = f" and {len(counts) - MOST_SHOWN:,} more" if len(counts) > MOST_SHOWN else ""
    told = f"First treated (units): {', '.join(counts[:MOST_SHOWN])}{more}; never {never:,}."
    if always:
        told += f" {always:,} {'is' if always == 1 else 'are'} treated from the first period on and have no before."
    return told


def _controls(found: Looked) -> list[str]:
    names = [n for n in found.outcomes[1:] if n not in found.weights and n not in found.aside]
    lines = ["[controls]", '"none" = "1"']
    if names:
        lines += comment(
            f"COMPLETE: which of these are determined before the treatment? A control that the treatment changes takes "
            f"away a part of its effect. {_listed(names)}. Fixed sets, or every subset:"
        )
        lines += ['# "some" = "… + …"', '# "any subset" = "mvsw(…, …)"']
    if found.aside:
        said = [f"{_code(n)} {one_line(why)}" for n, why in found.aside.items()]
        more = f"; and {len(said) - MOST_SHOWN:,} more" if len(said) > MOST_SHOWN else ""
        lines += comment(f"Not among them: {'; '.join(said[:MOST_SHOWN])}{more}.")
    for n, why in list(found.infinite.items())[:MOST_SHOWN]:
        lines += comment(f"{_code(n)} is {why}; then it is a candidate.")
    for n, why in list(found.text_numbers.items())[:MOST_SHOWN]:
        lines += comment(f"{_code(n)} is text, and a candidate once it is numbers: {one_line(why)}.")
    if len(found.text_numbers) > MOST_SHOWN:
        lines += comment(f"{many(len(found.text_numbers) - MOST_SHOWN, 'further column')} likewise.")
    return lines


def _effects(found: Looked) -> list[str]:
    unit, time = write_name(found.key.unit), write_name(found.key.time)
    lines = [
        "[fixed_effects]",
        f"{_label(f'{found.key.unit} + {found.key.time}')} = {toml_text(f'{unit} + {time}')}",
    ]
    for n, (levels, _) in list(found.groups.items())[:3]:
        label, formula = f"{found.key.unit} + {n}×{found.key.time}", f"{unit} + {write_name(n)}^{time}"
        lines.append(f"# {_label(label)} = {toml_text(formula)}  # {levels:,} groups of whole units")
    return lines


def _sample(found: Looked) -> list[str]:
    return ["[sample]", '"all" = "TRUE"', f'# "late" = {toml_text(_after(found))}  # a condition, as in R']


def _after(found: Looked) -> str:
    return f"{write_name(found.key.time)} > {number_text(float(found.key.written.min()))}"


def _weights(found: Looked) -> list[str]:
    if not found.weights:
        return []
    rows = [f"# {_label(n)} = {toml_text(write_name(n))}" for n in found.weights[:3]]
    return ["[weights]", '"unweighted" = "1"', *rows]


def _estimator(found: Looked, terms: _Terms, bare: bool) -> list[str]:
    first = found.treatment.first
    lines = ["[estimator]", '"OLS" = "feols"']
    if first is None or terms.cohort is None:
        return lines
    begun = np.unique(first[np.isfinite(first) & (first > found.key.periods.min())])
    if len(begun) < 2:
        return [*lines, "# one date of adoption: estimators for staggered adoption give the same"]
    if np.isinf(first).any() and not bare:
        lines += comment(
            "Adoption is staggered: OLS then compares with units that are treated already, too. Sun and Abraham's "
            "compares with the never treated."
        )
        return [*lines, '"Sun-Abraham" = "sunab"']
    lines += comment("Adoption is staggered: OLS then compares with units that are treated already, too.")
    return [*lines, '# "Wooldridge" = { method = "sunab", control = "notyet" }']


def _vcov(found: Looked) -> list[str]:
    """Cluster by who the treatment is decided for, which may be a group of units; name the other levels."""
    unit, decided = found.key.unit, found.decided
    lines = ["[vcov]"]
    if decided is not None:
        levels, _ = found.groups[decided]
        lines += comment(
            f"All units of one {_code(decided)} are treated alike at every time: the treatment varies between its "
            f"{levels:,} groups, and errors are clustered by it. COMPLETE: if it was decided for every "
            f"{one_line(unit)} by itself, cluster by that, here and in [inference]."
        )
        lines.append(f"{_label(decided)} = {toml_text('~' + write_name(decided))}")
    lines.append(f"{'# ' * (decided is not None)}{_label(unit)} = {toml_text('~' + write_name(unit))}")
    for n, (levels, alike) in [(n, g) for n, g in found.groups.items() if n != decided][:3]:
        said = f"{levels:,} groups" + ("; units of one group are always treated together" if alike else "")
        lines.append(f"# {_label(n)} = {toml_text('~' + write_name(n))}  # {said}")
    return lines


def _event_study(found: Looked, terms: _Terms, bare: bool) -> list[str]:
    first = found.treatment.first
    if first is None or terms.cohort is None or bare:
        return []
    since = (found.key.periods - first)[np.isfinite(first)]
    low, high = (int(since.min()), int(since.max())) if since.size else (0, 0)
    if low > -2:
        return ["# No event study: no unit is seen two periods before its treatment."]
    low, high = max(low, -SPAN), min(high, SPAN)
    return [
        "# The pre-trend test asks for all leads jointly.",
        "[event_study]",
        f"window    = [{low}, {high}]",
        "reference = -1",
    ]
