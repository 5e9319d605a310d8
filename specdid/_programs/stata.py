"""Pieces of Stata programs: reghdfe, what several estimators do before and after it, and texts.

Texts are literals without quotes, macros or line ends in them, and comments that end where they should.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from specdid._programs.names import comment, plain_number
from specdid._programs.script import Errors, Script
from specdid._study import Rule

DOF = (
    "* dofadjustments(clusters) counts fixed effects as fixest and specdid do: one redundant level for each effect",
    "* after the first, effects nested in a cluster not at all. reghdfe's own default (pairwise) also takes off",
    "* redundant levels of disconnected groups, so that its standard errors would be slightly smaller.",
)

RULES = (
    "* Other corrections than fixest's: reghdfe's own default; pairwise without clusters, which counts every dummy as",
    "* areg and regress do (of three effects it may count redundant ones); or the error times what takes",
    "* (N - 1) / (N - K) off again, and G / (G - 1) too where there is to be no correction.",
)

ALONE = (
    "* reghdfe drops rows that are alone in a level of a fixed effect, as specdid does. areg, xtreg and regress keep",
    "* them: their estimates are the same, their standard errors are not, by little where such rows are few.",
)

_COUNTED: dict[Rule, str] = {
    "fixest": "dofadjustments(clusters) ", "reghdfe": "", "areg": "dofadjustments(pairwise continuous) ",
    "lsdv": "dofadjustments(pairwise continuous) ", "glm": "dofadjustments(none) ", "none": "dofadjustments(none) ",
}  # fmt: skip
WIDTH = 96
INFINITY = "maxdouble()"
"""Stands for infinity, which Stata lacks; missing would be larger still."""
_PLAIN = " _-.,:;()[]{}<>=+*%&|!?#@^~/"

IN_STEPS = (
    "* periods in steps of the panel, from its first",
    "quietly levelsof _now, local(values)",
    "scalar _step = 0",
    "local before",
    "foreach value of local values {",
    '    if "`before\'" != "" {',
    "        scalar _a = max(_step, round(`value' - `before'))",
    "        scalar _b = min(_step, round(`value' - `before'))",
    "        while _b > 0 {",
    "            scalar _r = mod(_a, _b)",
    "            scalar _a = _b",
    "            scalar _b = _r",
    "        }",
    "        scalar _step = _a",
    "    }",
    "    local before `value'",
    "}",
    "scalar _step = max(_step, 1)",
    "quietly summarize _now",
    "scalar _first = r(min)",
    "replace _cohort = ceil((_cohort - _first) / _step)",
    "replace _now = round((_now - _first) / _step)",
)
"""Lines below `Stata.cohorts` that count periods in the largest step that all their distances are multiples of."""


def uncorrected(errors: Errors) -> str:
    """Return what takes reghdfe's correction, without adjustments, off a standard error."""
    if errors.rule not in ("glm", "none") or (errors.rule == "glm" and errors.kind == "iid"):
        return ""
    left, whole = "(e(N) - e(df_m) - e(df_a))", "e(N)" if errors.rule == "none" else "(e(N) - 1)"
    if errors.kind != "cluster":
        return f" * sqrt({left} / {whole})"
    groups = " * (e(N_clust) - 1) / e(N_clust)" if errors.rule == "none" else ""
    return f" * sqrt({left} / (e(N) - 1){groups})"


class Stata:
    """A program that is written; ``numbers`` gives each text column's numbered twin."""

    def __init__(self, script: Script, numbers: Mapping[str, str]) -> None:
        self.script, self.numbers = script, numbers

    def number(self, name: str) -> str:
        """Return the numbered twin of a column, itself where it has none."""
        return self.numbers.get(name, name)

    def effects(self) -> list[str]:
        """Return the fixed effects by number."""
        return [self.number(e.name) for e in self.script.fixed]

    def absorb(self) -> str:
        """Return reghdfe's option for fixed effects and slopes."""
        by_levels: dict[str, list[str]] = {}
        for levels, column in self.script.slopes:
            by_levels.setdefault(levels.name, []).append(column)
        texts = []
        for levels in self.script.fixed:
            slopes = by_levels.pop(levels.name, None)
            name = self.number(levels.name)
            texts.append(f"i.{name}##c.({' '.join(slopes)})" if slopes else name)
        texts += [f"i.{self.number(name)}#c.({' '.join(x)})" for name, x in by_levels.items()]
        return f"absorb({' '.join(texts)})" if texts else "noabsorb"

    def vce(self, errors: Errors) -> str:
        """Return the option for a vcov."""
        words = {"iid": "unadjusted", "hetero": "robust"}
        return f"vce({words.get(errors.kind) or 'cluster ' + ' '.join(map(self.number, errors.clusters))})"

    def weight(self) -> str:
        """Return analytic weights, where there are some."""
        return f" [aweight = {self.script.weight}]" if self.script.weight else ""

    def label(self, errors: Errors) -> str:
        """Display the label of a vcov."""
        return f'display as text "{printable(errors.label)}"'

    def reghdfe(self, model: Iterable[str], absorb: str, errors: Errors, weight: str) -> Iterator[str]:
        """Run reghdfe under a vcov."""
        yield self.label(errors)
        yield from filled("reghdfe", model, f"{weight}, ///")
        counted = _COUNTED[errors.rule]
        yield f"    {absorb} {self.vce(errors)} {counted}tolerance(1e-12)"

    def ivreghdfe(self, model: Iterable[str], absorb: str, errors: Errors, weight: str) -> Iterator[str]:
        """Run ivreghdfe under a vcov, ivreg2 where nothing is absorbed; both take vcovs as options of their own."""
        absorbed = absorb != "noabsorb"
        yield self.label(errors)
        yield from filled("ivreghdfe" if absorbed else "ivreg2", model, f"{weight}, ///")
        vce = {"iid": "", "hetero": " robust"}.get(errors.kind)
        vce = f" cluster({' '.join(map(self.number, errors.clusters))})" if vce is None else vce
        options = f"{absorb} {_COUNTED[errors.rule]}tolerance(1e-12)" if absorbed else "small"
        yield f"    {options}{vce} first"

    def shown(self, name: str, factor: str = "") -> str:
        """Display a coefficient and its standard error."""
        return f'display %14.10g _b[{name}] "  (standard error " %14.10g _se[{name}]{factor} ")"'

    def parted(self, cluster: str) -> Iterator[str]:
        """Count in ``parted`` the rows of units that a cluster parts, with units in ``_panel``."""
        yield f"egen double _low = min({cluster}), by(_panel)"
        yield f"egen double _high = max({cluster}), by(_panel)"
        yield "quietly count if _low != _high"
        yield "local parted = r(N)"
        yield "drop _low _high"

    def clustered_influences(self, errors: Errors, among: str = "") -> Iterator[str]:
        """Sum ``_influence`` by cluster and square the sums; show ``_effect`` with the root of their sum."""
        cluster = self.number(errors.clusters[0])
        yield self.label(errors)
        yield f"egen double _sum = total(_influence), by({cluster})"
        yield "generate double _part = _influence * _sum"
        yield "quietly summarize _part"
        yield "scalar _variance = r(sum)"
        yield "drop _sum _part"
        if errors.rule == "glm":
            yield f"quietly levelsof {cluster}{among}"
            yield "scalar _variance = _variance * r(r) / (r(r) - 1)"
        yield 'display %14.10g _effect "  (standard error " %14.10g sqrt(_variance) ")"'

    def dof(self) -> Iterator[str]:
        """Say how reghdfe counts parameters here."""
        yield from DOF
        if self.script.corrected:
            yield from RULES

    def without_singletons(self) -> Iterator[str]:
        """Drop singletons, where there are effects."""
        if not self.script.fixed:
            return
        yield "* singletons: levels of a fixed effect with one row, until there are none"
        yield "local rows = 0"
        yield "while _N != `rows' {"
        yield "    local rows = _N"
        yield f"    foreach f of varlist {' '.join(self.effects())} {{"
        yield "        tempvar size"
        yield "        bysort `f': generate long `size' = _N"
        yield "        drop if `size' == 1"
        yield "        drop `size'"
        yield "    }"
        yield "}"

    def cohorts(self, singletons: bool = False) -> Iterator[str]:
        """Return the lines that drop singletons, or keep them, and number periods and cohorts."""
        if not singletons:
            yield from self.without_singletons()
        s = self.script
        words = " or ".join([*map(plain_number, s.never), "after the last period"])
        yield f"* the first treated period; missing is never treated: {words}"
        known = [*(f"{s.cohort} != {plain_number(v)}" for v in s.never), f"{s.cohort} <= {plain_number(s.last)}"]
        yield f"generate double _cohort = {s.cohort} if {' & '.join(known)}"
        if s.step not in (None, "year"):
            yield f"replace _cohort = {numbered('_cohort', s.step)}"
        yield f"generate double _now = {numbered(s.time or '', s.step)}"


def numbered(variable: str, step: str | None) -> str:
    """Write the number of a period, so that a step is 1."""
    v = variable
    if step in (None, "year"):
        return v
    base = f"cond({v} >= 100000, 100, 10)"
    fourth = f"mdy(1, 4, floor({v} / 100))"
    calendar = {
        "half": f"floor({v} / {base}) * 2 + mod({v}, {base}) - 1",
        "quarter": f"floor({v} / {base}) * 4 + mod({v}, {base}) - 1",
        "month": f"floor({v} / 100) * 12 + mod({v}, 100) - 1",
        "day": f'daily(string({v}, "%8.0f"), "YMD")',
        # the week of 4 January is the first; dow() counts from Sunday, and 4 January 1960 was a Monday
        "week": f"floor(({fourth} - mod(dow({fourth}) + 6, 7) - 3) / 7) + mod({v}, 100) - 1",
    }
    return calendar.get(str(step)) or f"floor({v} / {float(str(step))!r} + 1e-6)"


def literal(text: str) -> str:
    """Write a text as an expression: what could end a string or start a macro is given by its code."""
    parts: list[str] = []
    run = ""
    for character in text:
        if character.isalnum() or character in _PLAIN:
            run += character
            continue
        if run:
            parts.append(f'"{run}"')
        parts.append(f"uchar({ord(character)})")
        run = ""
    if run or not parts:
        parts.append(f'"{run}"')
    return " + ".join(parts)


def remark(text: str) -> str:
    """Write a comment's text without what begins or ends comments, strings or macros."""
    plain = "".join(c if c.isalnum() or c in _PLAIN else " " for c in text)
    while any(pair in plain for pair in ("//", "/*", "*/")):
        plain = plain.replace("//", "/ /").replace("/*", "/ *").replace("*/", "* /")
    return comment(plain)


def printable(text: str) -> str:
    """Return a text that can be displayed between plain quotes."""
    return "".join(c if c.isalnum() or c in _PLAIN else " " for c in text)


def filled(before: str, words: Iterable[str], after: str) -> list[str]:
    """Fill a list of names into lines that go on with ///."""
    lines, current = [], before
    for word in words:
        if len(current) + len(word) > WIDTH:
            lines.append(current + " ///")
            current = "   "
        current += f" {word}"
    return [*lines, current + after]
