"""Slips of the pen to plant into a spec file: each is on a line of its own, and none is the cause of another.

The line at fault ends with a comment that names the slip; every other line is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

MARK = "#@"


@dataclass
class Spec:
    """The lines of a spec file, and names of its data: a number, a text that is no number, its first level."""

    lines: list[str]
    number: str
    text: str
    tail: list[str] = field(default_factory=list)

    @property
    def written(self) -> str:
        return "\n".join([*self.lines, *self.tail]) + "\n"

    def row(self, table: str, line: str) -> None:
        """Add a line to a table, which is made where it is not there."""
        header = f"[{table}]"
        place = next((k for k, at in enumerate(self.lines) if at.split("#")[0].strip() == header), None)
        if place is None:
            self.lines += [header, line]
        else:
            self.lines.insert(place + 1, line)

    def change(self, key: str, line: str) -> bool:
        """Replace the line of a key of [study]; whether it is there."""
        for k, at in enumerate(self.lines):
            if re.match(rf"{key}\s*=", at):
                self.lines[k] = line
                return True
        return False


def _row(table: str, line: str) -> Callable[[Spec, str], None]:
    def plant(spec: Spec, mark: str) -> None:
        first, *rest = line.replace("NUMBER", spec.number).replace("TEXT", spec.text).split("\n")
        spec.row(table, "\n".join([f"{first}   {mark}", *rest]))

    plant.wants = line  # type: ignore[attr-defined]
    return plant


def _end(*lines: str) -> Callable[[Spec, str], None]:
    """Add lines to the end of the file; the one with @ is at fault."""

    def plant(spec: Spec, mark: str) -> None:
        filled = [line.replace("NUMBER", spec.number).replace("TEXT", spec.text) for line in lines]
        spec.tail += [f"{line[:-1]}   {mark}" if line.endswith("@") else line for line in filled]

    plant.wants = "".join(lines)  # type: ignore[attr-defined]
    return plant


def _change(key: str, line: str) -> Callable[[Spec, str], None]:
    def plant(spec: Spec, mark: str) -> None:
        assert spec.change(key, f"{line}   {mark}")

    plant.wants = line  # type: ignore[attr-defined]
    return plant


SLIPS: dict[str, Callable[[Spec, str], None]] = {
    # What the file does not have
    "unknown key": _row("study", "sead = 7"),
    "unknown table": _end("[outcme]@", '"x" = "1"'),
    "unknown estimator": _row("estimator", '"slip estimator" = "feol"'),
    "unknown option of an estimator": _row("estimator", '"slip option" = { method = "sunab", kontrol = "never" }'),
    "unknown key of an option": _row("outcome", '"slip key" = { formula = "NUMBER", scal = "s" }'),
    "bad type": _row("outcome", '"slip type" = { formula = "NUMBER", scale = "s", type = "equal" }'),
    "number for text": _row("weights", '"slip number" = 3'),
    "empty text": _row("weights", '"slip empty" = ""'),
    "unknown dimension preferred": _row("preferred", 'wieghts = "1"'),
    "unknown option preferred": _row("preferred", 'sample = "slip nowhere"'),
    "no reason": _end("[[exclude]]@", 'when = { weights = "1" }'),
    "rule of no option": _end("[[exclude]]", 'when = { weights = "slip no weights" }@', 'because = "b"'),
    "unknown key of an analysis": _end('[event_study."slip key"]', "widow = [-2, 1]@"),
    "window that is none": _end('[event_study."slip window"]', "window = 3@"),
    "vcov": _row("vcov", '"slip vcov" = "cluster NUMBER"'),
    "name": _row("study", 'name = "a/b"'),
    # What is no expression
    "open bracket": _row("controls", '"slip bracket" = "log(NUMBER"'),
    "two operators": _row("controls", '"slip operators" = "NUMBER +* NUMBER"'),
    "unknown function": _row("controls", '"slip function" = "lgo(NUMBER)"'),
    "single equals": _row("sample", '"slip equals" = "NUMBER = 3"'),
    "double ampersand": _row("sample", '"slip and" = "NUMBER > 3 && NUMBER < 9"'),
    "no condition": _row("sample", '"slip condition" = "NUMBER + 3"'),
    "degree": _row("controls", '"slip degree" = "poly(NUMBER, 20)"'),
    "macro": _row("controls", '"slip macro" = "..slip_nowhere"'),
    "pattern": _row("controls", "\"slip pattern\" = 'regex(\"^slip_zz\")'"),
    "macro that is none": _row("macros", 'slip_macro = "NUMBER +"'),
    "formula without a tilde": _row("study", 'formula = "NUMBER"'),
    # What the data do not have
    "unknown column": _row("controls", '"slip column" = "NUMBER + slip_zz"'),
    "unknown column in [derive]": _row("derive", 'slip_derived = "log(slip_zz)"'),
    "derived further down": _row("derive", 'slip_early = "slip_late + 1"\nslip_late = "NUMBER"'),
    "unknown column in a fixed effect": _row("fixed_effects", '"slip effect" = "slip_zz"'),
    "unknown column in an outcome": _row("outcome", '"slip outcome" = { formula = "slip_zz", scale = "s" }'),
    "unknown column in a cluster": _row("vcov", '"slip cluster" = "~slip_zz"'),
    "unknown column in a weight": _row("weights", '"slip weight" = "slip_zz"'),
    "negative weights": _row("weights", '"slip negative" = "0 - exp(NUMBER / 1e9)"'),
    "text as a number": _row("controls", '"slip text" = "log(TEXT)"'),
    "text compared with a number": _row("sample", '"slip kinds" = "TEXT == 3"'),
    "text as a treatment": _row("treatment", '"slip treatment" = "TEXT"'),
    "a constant treatment": _row("treatment", '"slip constant" = "NUMBER > -1e9"'),
    "a treatment of two terms": _row("treatment", '"slip terms" = "NUMBER + I(NUMBER^2)"'),
    "unknown column in a variant": _end('[variant."slip variant"]', '"a" = {}', '"b" = { where = "slip_zz == 1" }@'),
    "unknown column in a match": _row("sample", '"slip match" = { match = { on = "slip_zz", method = "nearest" } }'),
    "unknown column in an analysis": _end('[heterogeneity."slip groups"]', 'groups = { "a" = "slip_zz > 1" }@'),
    "unit": _change("unit", 'unit = "slip_zz"'),
    "seed": _change("seed", 'seed = "one"'),
}  # fmt: skip
