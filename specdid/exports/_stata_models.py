"""The regressions of a Stata program: reghdfe and ppmlhdfe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from specdid._study import Rule
from specdid.exports._script import Errors, Script
from specdid.exports._stata_names import filled, printable
from specdid.exports._trees import plain_number

DOF = (
    "* dofadjustments(clusters) counts fixed effects as fixest and specdid do: one redundant level for each effect",
    "* after the first, effects nested in a cluster not at all. reghdfe's own default (pairwise) also takes off",
    "* redundant levels of disconnected groups, so that its standard errors would be slightly smaller.",
)
FACTOR = """* sqrt((N - 1) / (N - K)): {command} leaves this correction out, fixest and specdid make it. K is the
* coefficients, a constant, and the levels but one of each fixed effect that is not nested in a cluster.
capture program drop small_sample
program small_sample, rclass
    syntax, k(integer) [effects(varlist) clusters(varlist)]
    local K = `k' + 1
    foreach f of local effects {{
        local nested = 0
        foreach c of local clusters {{
            tempvar low high
            quietly egen double `low' = min(`c') if e(sample), by(`f')
            quietly egen double `high' = max(`c') if e(sample), by(`f')
            quietly count if `low' != `high' & e(sample)
            if r(N) == 0 local nested = 1
            drop `low' `high'
        }}
        if !`nested' {{
            quietly levelsof `f' if e(sample)
            local K = `K' + r(r) - 1
        }}
    }}
    return scalar factor = sqrt((e(N) - 1) / (e(N) - `K'))
end"""


RULES = (
    "* Other corrections than fixest's: reghdfe's own default; pairwise without clusters, which counts every dummy as",
    "* areg and regress do (of three effects it may count redundant ones); or the error times what takes",
    "* (N - 1) / (N - K) off again, and G / (G - 1) too where there is to be no correction.",
)
_COUNTED: dict[Rule, str] = {
    "fixest": "dofadjustments(clusters) ", "reghdfe": "", "areg": "dofadjustments(pairwise continuous) ",
    "lsdv": "dofadjustments(pairwise continuous) ", "glm": "dofadjustments(none) ", "none": "dofadjustments(none) ",
}  # fmt: skip


def uncorrected(errors: Errors) -> str:
    """Give what takes reghdfe's correction, without adjustments, off a standard error."""
    if errors.rule not in ("glm", "none") or (errors.rule == "glm" and errors.kind == "iid"):
        return ""
    left, whole = "(e(N) - e(df_m) - e(df_a))", "e(N)" if errors.rule == "none" else "(e(N) - 1)"
    if errors.kind != "cluster":
        return f" * sqrt({left} / {whole})"
    groups = " * (e(N_clust) - 1) / e(N_clust)" if errors.rule == "none" else ""
    return f" * sqrt({left} / (e(N) - 1){groups})"


class StataModels:
    """Writes the lines of a regression; ``numbers`` gives each text column's numbered twin."""

    def __init__(self, script: Script, numbers: Mapping[str, str]) -> None:
        self.script, self.numbers = script, numbers

    def lines(self) -> Iterator[str]:
        """Give the lines of the script's estimator."""
        methods = {
            "feols": self._least_squares, "fepois": self._poisson, "logit": self._logit,
            "sunab": self._sunab, "lpdid": self._lpdid, "did2s": self._did2s,
        }  # fmt: skip
        yield from methods[self.script.method]()

    def _number(self, name: str) -> str:
        return self.numbers.get(name, name)

    def _effects(self) -> list[str]:
        return [self._number(e.name) for e in self.script.fixed]

    def _absorb(self) -> str:
        by_levels: dict[str, list[str]] = {}
        for levels, column in self.script.slopes:
            by_levels.setdefault(levels.name, []).append(column)
        texts = []
        for levels in self.script.fixed:
            slopes = by_levels.pop(levels.name, None)
            name = self._number(levels.name)
            texts.append(f"i.{name}##c.({' '.join(slopes)})" if slopes else name)
        texts += [f"i.{self._number(name)}#c.({' '.join(x)})" for name, x in by_levels.items()]
        return f"absorb({' '.join(texts)})" if texts else "noabsorb"

    def _vce(self, errors: Errors) -> str:
        words = {"iid": "unadjusted", "hetero": "robust"}
        return f"vce({words.get(errors.kind) or 'cluster ' + ' '.join(map(self._number, errors.clusters))})"

    def _weight(self) -> str:
        return f" [aweight = {self.script.weight}]" if self.script.weight else ""

    def _label(self, errors: Errors) -> str:
        return f'display as text "{printable(errors.label)}"'

    def _reghdfe(self, model: Iterable[str], absorb: str, errors: Errors, weight: str) -> Iterator[str]:
        yield self._label(errors)
        yield from filled("reghdfe", model, f"{weight}, ///")
        counted = _COUNTED[errors.rule]
        yield f"    {absorb} {self._vce(errors)} {counted}tolerance(1e-12)"

    def _shown(self, name: str, factor: str = "") -> str:
        return f'display %14.10g _b[{name}] "  (standard error " %14.10g _se[{name}]{factor} ")"'

    def _least_squares(self) -> Iterator[str]:
        yield from self._dof()
        for errors in self.script.errors:
            model = [self.script.outcome, *self.script.regressors]
            yield from self._reghdfe(model, self._absorb(), errors, self._weight())
            yield self._shown(self.script.treatment, uncorrected(errors))

    def _dof(self) -> Iterator[str]:
        yield from DOF
        if self.script.corrected:
            yield from RULES

    def _separation(self, poisson: bool) -> Iterator[str]:
        if not self.script.fixed:
            return
        what = "is always zero" if poisson else "never varies"
        test = "`high' == 0" if poisson else "`high' == `low'"
        y = self.script.outcome
        yield f"* levels in which the outcome {what} say nothing, nor do singletons: drop them until none are left"
        yield "local rows = 0"
        yield "while _N != `rows' {"
        yield "    local rows = _N"
        yield f"    foreach f of varlist {' '.join(self._effects())} {{"
        yield "        tempvar high low size"
        yield f"        egen double `high' = max({y}), by(`f')"
        yield f"        egen double `low' = min({y}), by(`f')"
        yield "        bysort `f': generate long `size' = _N"
        yield f"        drop if `size' == 1 | {test}"
        yield "        drop `high' `low' `size'"
        yield "    }"
        yield "}"

    def _corrected(self, errors: Errors, k: str) -> Iterator[str]:
        if errors.kind == "iid" and self.script.method == "fepois":
            if errors.rule == "fixest":
                effects = f" effects({' '.join(self._effects())})" if self.script.fixed else ""
                yield f"small_sample, k(`k'){effects}"
            factor = " * r(factor)" if errors.rule == "fixest" else ""
            yield f"display %14.10g `effect' \"  (standard error \" %14.10g _error{factor} \")\""
            return
        if errors.rule in ("reghdfe", "glm", "none"):
            count = "e(N_clust)" if errors.kind == "cluster" else "e(N)"
            none = f" * sqrt(({count} - 1) / {count})" if errors.rule == "none" and errors.kind != "iid" else ""
            yield self._shown(self.script.treatment, none)
            return
        if errors.kind == "iid" and errors.rule != "fixest":  # the inverse of the information, as it is
            yield self._shown(self.script.treatment)
            return
        if errors.rule == "lsdv" and len(self.script.fixed) > 1:
            name = self.script.treatment
            yield f"scalar _estimate = _b[{name}]"
            yield f"scalar _error = _se[{name}]"
            yield from self._every_dummy()
            yield 'display %14.10g _estimate "  (standard error " %14.10g _error * _factor ")"'
            return
        effects = f" effects({' '.join(self._effects())})" if self.script.fixed else ""
        counted = errors.clusters if errors.rule == "fixest" else ()
        clusters = f" clusters({' '.join(map(self._number, counted))})" if counted else ""
        yield f"small_sample, k({k}){effects}{clusters}"
        yield self._shown(self.script.treatment, " * r(factor)")

    def _every_dummy(self) -> Iterator[str]:
        """Have reghdfe count every dummy that is not redundant, for a model of the treatment on the rest."""
        treatment, *controls = self.script.regressors
        yield "* reghdfe counts the dummies: of levels that no row connects, each group has one redundant"
        yield from filled(f"quietly reghdfe {treatment}", controls, " if e(sample), ///")
        yield f"    {self._absorb()} dofadjustments(pairwise continuous)"
        yield "scalar _factor = sqrt((e(N) - 1) / (e(N) - 1 - e(df_m) - e(df_a)))"

    def _poisson(self) -> Iterator[str]:
        yield from self._separation(poisson=True)
        yield FACTOR.format(command="ppmlhdfe")
        weight = f" [pweight = {self.script.weight}]" if self.script.weight else ""
        for errors in self.script.errors:
            yield self._label(errors)
            yield from filled("ppmlhdfe", [self.script.outcome, *self.script.regressors], f"{weight}, ///")
            vce = "vce(robust)" if errors.kind == "iid" else self._vce(errors)
            saved = " d(_effects)" if errors.kind == "iid" and self.script.fixed else ""
            yield f"    {self._absorb()} {vce} tolerance(1e-10){saved}"
            if errors.kind == "iid":
                yield from self._information()
            yield from self._corrected(errors, "`=e(df_m)'")

    def _information(self) -> Iterator[str]:
        """Give the error of the inverse information: of the treatment net of the rest, weighted by the means."""
        treatment, *controls = self.script.regressors
        yield "* ppmlhdfe's unadjusted errors estimate a dispersion; here it is 1, the variance the inverse information"
        yield "local k = e(df_m)"
        yield f"local effect = _b[{treatment}]"
        yield "predict double _mean, mu"
        weight = self.script.weight
        if weight:
            yield f"quietly summarize {weight}"
        yield f"generate double _information = _mean{f' * {weight} / r(mean)' if weight else ''}"
        yield from filled(f"quietly reghdfe {treatment}", controls, " [aweight = _information], ///")
        yield f"    {self._absorb()} residuals(_net) tolerance(1e-12)"
        yield "generate double _part = _information * _net^2"
        yield "quietly summarize _part"
        yield "scalar _error = 1 / sqrt(r(sum))"
        yield f"drop _mean _information _net _part{' _effects' if self.script.fixed else ''}"

    def _logit(self) -> Iterator[str]:
        yield from self._separation(poisson=False)
        yield FACTOR.format(command="logit")
        model = [self.script.outcome, *self.script.regressors, *(f"i.{e}" for e in self._effects())]
        for errors in self.script.errors:
            if len(errors.clusters) == 2:
                yield from self._two_ways(model, errors)
                continue
            vce = "vce(oim)" if errors.kind == "iid" else self._vce(errors)
            yield self._label(errors)
            yield from filled("logit", model, f", {vce} tolerance(1e-10)")
            yield from self._kept()
            yield from self._corrected(errors, "`k'")

    def _kept(self) -> Iterator[str]:
        """Count the coefficients that are not omitted as collinear."""
        yield "local k = 0"
        yield from filled("foreach x in", self.script.regressors, " {")
        yield "    if _se[`x'] > 0 local k = `k' + 1"
        yield "}"

    def _two_ways(self, model: list[str], errors: Errors) -> Iterator[str]:
        """Add the variances of both clusterings, less that of their cells; each without its G / (G - 1)."""
        first, second = map(self._number, errors.clusters)
        name = self.script.treatment
        yield self._label(errors)
        yield f"egen long _cells = group({first} {second})"
        yield "scalar _variance = 0"
        yield "scalar _groups = ."
        for cluster, sign in ((first, "+"), (second, "+"), ("_cells", "-")):
            yield from filled("quietly logit", model, f", vce(cluster {cluster}) tolerance(1e-10)")
            yield f"scalar _variance = _variance {sign} _se[{name}]^2 * (e(N_clust) - 1) / e(N_clust)"
            if sign == "+":
                yield "scalar _groups = min(_groups, e(N_clust))"
        yield "drop _cells"
        factor = ""
        if errors.rule == "lsdv" and len(self.script.fixed) > 1:
            yield f"scalar _estimate = _b[{name}]"
            yield from self._every_dummy()
            shown = "sqrt(_variance * _groups / (_groups - 1)) * _factor"
            yield f'display %14.10g _estimate "  (standard error " %14.10g {shown} ")"'
            return
        if errors.rule in ("fixest", "lsdv"):
            effects = f" effects({' '.join(self._effects())})" if self.script.fixed else ""
            clusters = f" clusters({first} {second})" if errors.rule == "fixest" else ""
            yield from self._kept()
            yield f"small_sample, k(`k'){effects}{clusters}"
            factor = " * r(factor)"
        groups = "" if errors.rule == "none" else " * _groups / (_groups - 1)"
        yield f'display %14.10g _b[{name}] "  (standard error " %14.10g sqrt(_variance{groups}){factor} ")"'

    def _without_singletons(self) -> Iterator[str]:
        if not self.script.fixed:
            return
        yield "* singletons: levels of a fixed effect with one row, until there are none"
        yield "local rows = 0"
        yield "while _N != `rows' {"
        yield "    local rows = _N"
        yield f"    foreach f of varlist {' '.join(self._effects())} {{"
        yield "        tempvar size"
        yield "        bysort `f': generate long `size' = _N"
        yield "        drop if `size' == 1"
        yield "        drop `size'"
        yield "    }"
        yield "}"

    def _cohorts(self) -> Iterator[str]:
        s = self.script
        words = " or ".join([*map(plain_number, s.never), "after the last period"])
        yield f"* the first treated period; missing is never treated: {words}"
        known = [*(f"{s.cohort} != {plain_number(v)}" for v in s.never), f"{s.cohort} <= {plain_number(s.last)}"]
        yield f"generate double _cohort = {s.cohort} if {' & '.join(known)}"
        if s.step not in (None, "year"):
            yield f"replace _cohort = {numbered('_cohort', s.step)}"
        yield f"generate double _now = {numbered(s.time or '', s.step)}"

    def _sunab(self) -> Iterator[str]:
        s, notyet = self.script, self.script.options["control"] == "notyet"
        yield from self._without_singletons()
        yield from self._cohorts()
        yield "quietly summarize _now"
        yield "replace _cohort = . if _cohort > r(max)"
        yield "* cohorts that are treated in all of their rows are left out"
        yield "egen double _starts = min(_now), by(_cohort)"
        yield "drop if _starts >= _cohort & !missing(_cohort)"
        if notyet:
            yield "quietly count if missing(_cohort)"
            yield "if r(N) == 0 {  // no cohort is never treated: the last one serves, until its treatment"
            yield "    quietly summarize _cohort"
            yield "    local last = r(max)"
            yield "    keep if _now < `last'"
            yield "    replace _cohort = . if _cohort == `last'"
            yield "}"
        yield "* Sun and Abraham (2021): a dummy for each cohort and period since treatment, averaged by their rows"
        yield "generate double _since = _now - _cohort"
        reference = s.options["reference"]
        skipped = list(reference) if isinstance(reference, list | tuple) else [reference]
        chosen = "_since >= 0" if notyet else f"!inlist(_since, {', '.join(map(repr, skipped))})"
        yield f"egen long _cell = group(_since _cohort) if !missing(_since) & {chosen}"
        yield "quietly levelsof _cell, local(cells)"
        yield "foreach k of local cells {"
        yield "    generate byte _cell`k' = _cell == `k'"
        yield "}"
        yield f"generate double _rows = {s.weight or '1'}"
        yield from self._dof()
        for position, errors in enumerate(s.errors):
            model = [s.outcome, "_cell?*", *s.controls]
            yield from self._reghdfe(model, self._absorb(), errors, self._weight())
            if not position:
                yield from _AVERAGE
            yield "quietly lincom `effect'"
            yield f'display %14.10g r(estimate) "  (standard error " %14.10g r(se){uncorrected(errors)} ")"'

    def _lpdid(self) -> Iterator[str]:
        s, window = self.script, self.script.options["post_window"]
        never = s.options["control"] == "never"
        yield from self._without_singletons()
        yield from self._cohorts()
        yield "* periods in steps of the panel, from its first"
        yield "quietly levelsof _now, local(values)"
        yield from _COMMON_STEP
        yield "quietly summarize _now"
        yield "scalar _first = r(min)"
        yield "replace _cohort = ceil((_cohort - _first) / _step)"
        yield "replace _now = round((_now - _first) / _step)"
        yield f"local window = {window!r}"
        yield "* Dube et al. (2025): the mean outcome of periods 0 to window less that of period -1"
        yield f"egen long _panel = group({s.unit})"
        yield "tsset _panel _now"
        yield "generate double _ahead = 0"
        yield "forvalues h = 0/`window' {"
        yield f"    replace _ahead = _ahead + F`h'.{s.outcome}"
        yield "}"
        yield f"generate double _change = _ahead / (`window' + 1) - L1.{s.outcome}"
        yield "generate byte _enters = _now == _cohort & _now > 0"
        late = "" if never else " | (_now + `window' < _cohort)"
        yield f"generate byte _clean = missing(_cohort){late}"
        yield "keep if !missing(_change) & (_enters == 1 | _clean == 1)"
        yield "egen byte _beside = max(_clean), by(_now)"
        yield "keep if _beside == 1  // those with a clean control in their period"
        yield f"generate double _w = {s.weight or '1'}"
        if s.options["reweight"] and s.controls:
            yield "* regression adjustment: controls and period effects from the clean controls alone. The standard"
            yield "* errors of specdid take both steps together, with every row's influence; here is the estimate."
            yield from filled("regress _change", [*s.controls, "i._now"], " [aweight = _w] if _clean == 1")
            yield "predict double _left, residuals"
            yield "summarize _left [aweight = _w] if _enters == 1"
            yield 'display %14.10g r(mean)'
            return
        if s.options["reweight"]:
            yield "* one over the clean share of each period, so that entering units count alike"
            yield "egen byte _entered = max(_enters), by(_now)"
            yield "keep if _entered == 1"
            yield "egen double _all = total(_w), by(_now)"
            yield "egen double _out = total(_w * _clean), by(_now)"
            yield "replace _w = _w * _all / _out"
        yield from self._dof()
        for errors in s.errors:
            yield from self._reghdfe(("_change", "_enters", *s.controls), "absorb(_now)", errors, " [aweight = _w]")
            yield self._shown("_enters", uncorrected(errors))

    def _did2s(self) -> Iterator[str]:
        s = self.script
        yield from self._without_singletons()
        levels = dict.fromkeys([*self._effects(), *(self._number(e.name) for e, _ in s.slopes)])
        if levels:
            yield "* rows whose fixed effects are seen untreated"
            for k, name in enumerate(levels, 1):
                yield f"egen byte _seen{k} = max({s.treatment} != 1), by({name})"
            yield f"keep if {' & '.join(f'_seen{k} == 1' for k in range(1, len(levels) + 1))}"
        yield f"generate double _weight = {s.weight or '1'}"
        yield "quietly summarize _weight"
        yield "replace _weight = _weight / r(mean)"
        yield from _TWO_STAGE
        blocks = [f'dummies("{e}")' for e in self._effects()] or ["J(st_nobs(), 1, 1)"]
        blocks += [f'dummies("{self._number(e.name)}") :* standardised("{x}")' for e, x in s.slopes]
        blocks += [f'standardised("{c}")' for c in s.controls]
        yield f"mata: X = {blocks[0]}"
        for block in blocks[1:]:
            yield f"mata: X = X, {block}"
        yield f'mata: two_stage(X, "{s.outcome}", "{s.treatment}")'
        yield "* did2s makes no small-sample correction, nor does specdid"
        for errors in s.errors:
            if errors.kind != "iid":
                yield from self._of_influences(errors)

    def _of_influences(self, errors: Errors) -> Iterator[str]:
        """Sum influences by cluster and square them: each row's with the sum of its cluster."""
        clusters = [self._number(c) for c in errors.clusters]
        yield self._label(errors)
        if not clusters:
            yield "generate double _part = _influence^2"
        else:
            signs = [("+", c) for c in clusters] + ([("-", " ".join(clusters))] if len(clusters) == 2 else [])
            yield "generate double _part = 0"
            for sign, by in signs:
                yield f"egen double _sum = total(_influence), by({by})"
                yield f"replace _part = _part {sign} _influence * _sum"
                yield "drop _sum"
        yield "quietly summarize _part"
        yield "scalar _variance = r(sum)"
        yield "drop _part"
        if errors.rule == "glm":
            yield "scalar _groups = _N" if not clusters else "scalar _groups = ."
            for cluster in clusters:
                yield f"quietly levelsof {cluster}"
                yield "scalar _groups = min(_groups, r(r))"
            yield "scalar _variance = _variance * _groups / (_groups - 1)"
        yield 'display %14.10g _effect "  (standard error " %14.10g sqrt(_variance) ")"'


_TWO_STAGE = (
    "* Gardner (2021): fixed effects and controls from untreated rows; what is left of the treated is the effect, and",
    "* each row's influence on it is that of both stages as one GMM problem. did2s gives the same for one clustering.",
    "mata:",
    "real matrix dummies(string scalar name)",
    "{",
    "    real colvector v",
    "    v = st_data(., name)",
    "    return(v :== uniqrows(v)')",
    "}",
    "real colvector standardised(string scalar name)",
    "{",
    "    real colvector v",
    "    v = st_data(., name)",
    "    v = v :- mean(v)",
    "    return(mean(v:^2) > 0 ? v / sqrt(mean(v:^2)) : v)",
    "}",
    "void two_stage(real matrix X, string scalar outcome, string scalar treatment)",
    "{",
    "    real colvector y, w, treated, U, root, left, share, influence",
    "    real matrix P",
    "    real scalar effect",
    "    y = st_data(., outcome)",
    "    y = y :- mean(y)",
    "    w = st_data(., \"_weight\")",
    "    treated = st_data(., treatment) :== 1",
    "    U = selectindex(!treated)",
    "    root = sqrt(w[U])",
    "    P = pinv(root :* X[U, .])",
    "    left = y - X * (P * (root :* y[U]))",
    "    share = w :* treated / sum(w :* treated)",
    "    effect = share' * left",
    "    influence = share :* (left :- effect)",
    "    influence[U] = -(P' * (X' * share)) :* root :* left[U]",
    "    st_numscalar(\"_effect\", effect)",
    "    st_store(., st_addvar(\"double\", \"_influence\"), influence)",
    "}",
    "end",
)
_COMMON_STEP = (
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
)
_AVERAGE = (
    "* the effect of a cell that is omitted as collinear is in others",
    "scalar _total = 0",
    "foreach k of local cells {",
    "    quietly summarize _since if _cell == `k'",
    "    scalar _n`k' = 0",
    "    if r(mean) >= 0 {",
    "        quietly summarize _rows if _cell == `k' & e(sample)",
    "        scalar _n`k' = r(sum)",
    "    }",
    "    scalar _total = _total + _n`k'",
    "}",
    'local effect "0"',
    "foreach k of local cells {",
    "    local share = _n`k' / _total",
    "    if `share' > 0 & _se[_cell`k'] > 0 local effect \"`effect' + `share' * _cell`k'\"",
    "}",
)


def numbered(variable: str, step: str | None) -> str:
    """Write the number of a period, so that a step is 1."""
    v = variable
    if step in (None, "year"):
        return v
    fourth = f'mdy(1, 4, floor({v} / 100))'
    calendar = {
        "half": f"floor({v} / 10) * 2 + mod({v}, 10) - 1",
        "quarter": f"floor({v} / 10) * 4 + mod({v}, 10) - 1",
        "month": f"floor({v} / 100) * 12 + mod({v}, 100) - 1",
        "day": f'daily(string({v}, "%8.0f"), "YMD")',
        # the week of 4 January is the first; dow() counts from Sunday, and 4 January 1960 was a Monday
        "week": f"floor(({fourth} - mod(dow({fourth}) + 6, 7) - 3) / 7) + mod({v}, 100) - 1",
    }
    return calendar.get(str(step)) or f"round({v} / {float(str(step))!r})"
