"""Commands of Stata, functions of R and Python: what they are here, for drafts of code and for ``explain``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Sort = Literal["read", "regression", "analysis", "data", "output"]


@dataclass(frozen=True, slots=True)
class Command:
    """A command or function.

    Attributes
    ----------
    name : as it is typed; of R without its package
    of : "Stata", "R", "Python" or several of them
    sort : "read" where a draft of code takes it over; what it does otherwise
    here : what it is here, without a full stop
    """

    name: str
    of: str
    sort: Sort
    here: str


_FEOLS = '`feols` in [estimator], which is the default; `ssc = "{}"` at [vcov] corrects as it does'
_ETWFE = (
    'extended two-way fixed effects are `{ method = "sunab", control = "notyet" }` in [estimator], with the cohort at '
    "the treatment; of one average, by least squares, with controls as they are (no products of controls and cohorts)"
)
_SYNTHETIC = "not here; the nearest is `sdid` in [estimator]"
_UNOBSERVED = "not here; the curve over [controls] shows what observed controls move"
_CURVE = "a spec file as a whole; every subset of controls is `mvsw(a, b, c)`"
_IV = "[instruments], label = the excluded instruments, with `feols`; the instrumented variable is the treatment"
_CSDID = (
    "`csdid` in [estimator], with the cohort (the first treated period) at the treatment, and errors in [vcov] without "
    "reghdfe's or areg's `ssc`"
)
_MATCH = "`match` of a sample, or [match] by name: nearest, radius, kernel, exact or entropy; [balance] tests it"
_SCORE = _MATCH + "; its score is a probit where `logit` does not stand there, the score here a logit"
_NONE = "nothing here does that; estimate it beside the curve"
_BEFORE = "it makes other rows or columns than the data file has: do it before, and save the data"
_ERRORS = " are not here: [vcov] has iid, hetero and clusters of one column or two; estimate those beside the curve"
_WILD = '`null = ["wild"]` in [inference], for the whole curve at once'
_PERMUTE = '`null = ["permutation"]` in [inference], with `assign` and `level`; for one estimate [placebo]'
_HONEST = "[honest], with relative_magnitudes or smoothness, at [preferred] and for every event study of the curve"
_WEIGHTS = "[decomposition], at [preferred] and for every least-squares point of the curve"
_EVENT = "[event_study], with window and reference; its figure is drawn, too"
_TABLES = '[table."Table 3"] writes coefficient tables, the appendix the rest; all estimates are in results.csv'
_RANDOM = "random effects stand in [hausman] alone, beside fixed effects"
_JOIN = '[data."name"] with file and by, where every row has at most one partner; else do it before and save the data'
_GROUPS = "[heterogeneity], with groups, which also tests that effects are equal"
_FIGURE = "curves, event studies and analyses have figures of their own: [figure], `specdid plot`"
_DERIVE = "a line of [derive]"

_TABLE: tuple[tuple[str, Sort, str, str], ...] = (
    ("Stata", "read", "reghdfe", _FEOLS.format("reghdfe")),
    ("Stata", "read", "areg", _FEOLS.format("areg") + "; what it absorbs stands in [fixed_effects]"),
    ("Stata", "read", "xtreg", "`feols` with the unit in [fixed_effects], where fe stands there; " + _RANDOM),
    ("Stata", "read", "regress reg", _FEOLS.format("lsdv") + "; i.x among its terms is a fixed effect"),
    ("Stata", "read", "ppmlhdfe", "`fepois` in [estimator]; exposure(x) is `offset(log(x))` among the controls; "
     '`ssc = "reghdfe"` or "glm" at [vcov] corrects as it does'),
    ("R", "read", "feols", "`feols` in [estimator]; `formula` of [study] takes its formula as it stands"),
    ("R", "read", "fepois", "`fepois` in [estimator]; an offset is `offset(x)` among the controls"),
    ("R", "read", "felm", "`feols`: the second part of its formula is [fixed_effects], the third [instruments], the "
     "fourth [vcov]"),
    ("R", "read", "lm", "`feols` in [estimator]; what `factor()` is of stands in [fixed_effects], and "
     '`ssc = "lsdv"` at [vcov] counts its levels, as R does'),
    ("Stata", "regression", "reg2hdfe felsdvreg a2reg hdfe xtdidregress didregress fese", "`feols`, with unit and time "
     "in [fixed_effects]"),
    ("Stata", "read", "ivreghdfe", _IV),
    ("Stata", "regression", "ivreg2 ivregress ivreg xtivreg xtivreg2 ivreg2hdfe", _IV),
    ("R", "regression", "ivreg iv_robust", _IV),
    ("Stata", "regression", "poisson xtpoisson xtpqml ppml ppml_panel_sg poi2hdfe", "`fepois` in [estimator]"),
    ("Stata", "regression", "nbreg xtnbreg", "`fenegbin` in [estimator]; its errors take the dispersion as known, as "
     "R's glm.nb, and are not nbreg's"),
    ("Stata", "regression", "logit logistic xtlogit clogit", "`logit` in [estimator]; [fixed_effects] of few rows bias "
     "it, which is said beside the number"),
    ("Stata", "regression", "probit dprobit", "`probit` in [estimator]; its errors are by the expected information, as "
     "those of R's glm and of Stata's glm with irls, where [vcov] has `ssc = \"glm\"`; Stata's probit takes the "
     "observed one, and prints other errors"),
    ("Stata", "regression", "xtprobit", "nothing here has its random effects; `probit` in [estimator] is another "
     "model"),
    ("Stata", "regression", "tobit xttobit qreg xtqreg qreg2 sqreg rifhdreg heckman heckprob truncreg ologit oprobit "
     "mlogit stcox cloglog betareg fracreg xtabond xtabond2 xtdpd xtdpdsys xtdpdgmm xthreg "
     "spxtregress spregress xsmle frontier sfpanel rdrobust rd mixed xtmixed sem gsem nl", _NONE),
    ("Stata", "regression", "xtscc", "errors by Driscoll and Kraay" + _ERRORS),
    ("Stata", "regression", "newey newey2 xtgls xtpcse", "errors by Newey and West" + _ERRORS),
    ("Stata", "regression", "acreg ols_spatial_HAC", "errors by Conley" + _ERRORS),
    ("Stata", "regression", "cgmreg cluster2 vcemway", 'clusters of two columns are `"~a + b"` in [vcov]'),
    ("Stata", "regression", "csdid csdid2", _CSDID + '; est_method "dr" is its dripw; drimp is not here'),
    ("Stata", "regression", "hdidregress xthdidregress drdid", _CSDID),
    ("R", "regression", "att_gt", _CSDID + '; xformla is [controls], anticipation and est_method '
     'are keys of `csdid` with the same names and defaults; control_group "notyettreated" is `control = "notyet"`; '
     'what att_gt does by default is here `unbalanced = "drop"`, where "pairs" is the default, what it does with '
     'allow_unbalanced_panel = TRUE is "rows"; for leads it is `base_period = "varying"`, where "universal" is'),
    ("R", "analysis", "allow_unbalanced_panel", 'for att_gt(…, allow_unbalanced_panel = TRUE) `unbalanced = "rows"` at '
     '`csdid` in [estimator], without [controls]; for FALSE, its default, "drop"'),
    ("R", "regression", "drdid ordid ipwdid", _CSDID),
    ("R", "regression", "aggte", '`aggregate = "simple"`, "group", "dynamic" or "calendar" at `csdid` in [estimator]'),
    ("Python", "regression", "ATTgt", _CSDID),
    ("Stata", "regression", "eventstudyinteract", "`sunab` in [estimator], with the cohort at the treatment; the path "
     "is [event_study]"),
    ("R", "regression", "sunab", "`sunab` in [estimator], with its first argument as the cohort at the treatment; the "
     "path is [event_study]"),
    ("Stata, R", "regression", "did2s", "`did2s` in [estimator]; the first stage is [fixed_effects] and [controls]"),
    ("Stata, R", "regression", "did_imputation", "`did_imputation` in [estimator], with the cohort at the treatment"),
    ("Stata, R", "regression", "lpdid", "`lpdid` in [estimator], with post_window and pre_window, and the cohort at "
     "the treatment"),
    ("Stata", "regression", "stackedev", "`stackedev` in [estimator], with the cohort at the treatment"),
    ("Stata, R", "regression", "did_multiplegt_dyn", "`did_multiplegt_dyn` in [estimator]; effects and placebos are "
     "[event_study]"),
    ("Stata, R", "regression", "did_multiplegt did_multiplegt_old did_multiplegt_stat fuzzydid", "`did_multiplegt_dyn` "
     "in [estimator] is its authors' later estimator; that one is not here"),
    ("Stata, R", "regression", "sdid", "`sdid` in [estimator], with vce and replications"),
    ("R", "regression", "synthdid_estimate", "`sdid` in [estimator], with vce and replications"),
    ("Stata", "regression", "jwdid wooldid", _ETWFE),
    ("R", "regression", "etwfe emfx", _ETWFE),
    ("Stata", "regression", "synth synth_runner synth2 allsynth fect", _SYNTHETIC),
    ("R", "regression", "synth fect gsynth augsynth multisynth", _SYNTHETIC),
    ("Stata", "regression", "diff", "`feols` with the product of group and period as the treatment; its kernel(…) is "
     "`match` of a sample"),
    ("Stata", "regression", "flexpaneldid", _MATCH),
    ("Stata", "analysis", "eventdd xtevent xteventplot event_plot", _EVENT),
    ("R", "regression", "event_study", "`sunab`, `did2s` or `did_imputation` in [estimator], and [event_study]"),
    ("R", "regression", "glm feglm femlm feNmlm fenegbin bife glm.nb",
     "`fepois`, `logit`, `probit` or `fenegbin` in [estimator] where it is of that family; what `factor()` is "
     "of stands in [fixed_effects]"),
    ("R", "read", "plm", 'for `model = "within"` it is `feols`, with the index in '
     '[fixed_effects] (both for `effect = "twoways"`); ' + _RANDOM),
    ("R", "regression", "pgmm pvcm pggls", _NONE),
    ("R", "regression", "lm_robust", "`feols` in [estimator]; its se_type stands in [vcov]"),
    ("Python", "regression", "PanelOLS", "`feols`; EntityEffects and TimeEffects stand in [fixed_effects]"),
    ("R", "regression", "PanelMatch staggered", _NONE),
    ("Stata", "regression", "psmatch2 pscore attnd attk", _SCORE),
    ("Stata", "regression", "teffects kmatch nnmatch cem ebalance calipmatch psestimate ccmatch radiusmatch dtalink "
     "optselect", _MATCH),
    ("R", "regression", "matchit Match weightit ebalance CBPS entbal", _MATCH),
    ("Stata", "analysis", "pstest tebalance covbal iebaltab balancetable orth_out", "[balance]"),
    ("R", "analysis", "bal.tab love.plot", "[balance], with its love plot"),
    ("Stata", "analysis", "bacondecomp ddtiming twowayfeweights", _WEIGHTS),
    ("R", "analysis", "bacon twowayfeweights", _WEIGHTS),
    ("Stata", "analysis", "honestdid", _HONEST),
    ("R", "analysis", "createSensitivityResults createSensitivityResults_relativeMagnitudes honest_did", _HONEST),
    ("Stata, R", "analysis", "pretrends", "leads are tested jointly by [event_study]; what a violation would do is "
     "[honest]"),
    ("Stata", "analysis", "boottest wildbootstrap cgmwildboot", _WILD),
    ("R", "analysis", "boottest", _WILD),
    ("Stata", "analysis", "ritest permute randcmd", _PERMUTE),
    ("R", "analysis", "ritest conduct_ri", _PERMUTE),
    ("Stata", "analysis", "bootstrap jackknife", "errors of rows or clusters that are left out or drawn" + _ERRORS
     + '; the bootstrap of a curve is `null = ["wild"]`'),
    ("Stata", "analysis", "hausman xtoverid rhausman", "[hausman], with its cluster-robust version"),
    ("R", "analysis", "phtest", "[hausman], with its cluster-robust version"),
    ("Stata", "analysis", "suest bdiff chowtest permtest2", _GROUPS),
    ("Stata", "analysis", "margins", "[mechanism] with a moderator has marginal effects over its range"),
    ("Stata", "analysis", "psacalc regsensitivity", _UNOBSERVED),
    ("Stata, R", "analysis", "sensemakr", _UNOBSERVED),
    ("Stata", "analysis", "sgmediation sgmediation2 medsem khb paramed medeff", "[mechanism] with a mediator is the "
     "effect on it; no effect is split here"),
    ("Stata", "analysis", "specurve speccurve tuples multivrs mrobust", _CURVE),
    ("R", "analysis", "run_specs specr", _CURVE),
    ("Stata", "data", "xtset tsset", "unit and time of [study]; `step` where periods are months or quarters"),
    ("Stata", "data", "winsor2 winsor winsorize", "`winsorize(x, 0.01, type = 2)` in [derive] or a variant; trim is "
     "`trim(x, 0.01, type = 2)`"),
    ("Stata", "data", "generate gen replace egen gegen", _DERIVE),
    ("Stata", "data", "xtile fastxtile", "`quantile_group(x, 4, type = 2)` in [derive]"),
    ("Stata", "data", "ipolate carryforward", "`interpolate(x)` and `carry_forward(x)` in [derive], along the unit's "
     "time"),
    ("Stata", "data", "destring", "`parse_number(x)` in [derive]"),
    ("Stata", "data", "encode", "a column of text serves as fixed effect, cluster or sample as it is"),
    ("Stata", "data", "keep drop", "with if, a condition of [sample], where rows leave after every column is made"),
    ("Stata", "data", "merge joinby frlink", _JOIN),
    ("R", "data", "left_join inner_join", _JOIN),
    ("Stata", "data", "reshape", "`reshape` of [study] or of a joined file, from wide to long"),
    ("R", "data", "pivot_longer", "`reshape` of [study] or of a joined file, from wide to long"),
    ("Stata", "data", "append collapse contract expand tsfill fillin duplicates", _BEFORE),
    ("R", "data", "mutate transform", _DERIVE),
    ("R", "data", "filter subset drop_na", "a condition of [sample]"),
    ("Stata", "output", "esttab estout outreg2 eststo outreg reg2docx asdoc", _TABLES),
    ("R", "output", "etable modelsummary stargazer screenreg texreg huxreg", _TABLES),
    ("Stata, R", "output", "coefplot", _FIGURE),
    ("R", "output", "iplot ggiplot", _FIGURE),
    ("R", "analysis", "coeftest vcovHC vcovCL vcovBK vcovSCC", "a line of [vcov]; of the groups "
     '`"~unit"`, of heteroskedasticity `"hetero"`'),
)  # fmt: skip


def _commands() -> Iterator[Command]:
    for of, sort, names, here in _TABLE:
        for name in names.split():
            yield Command(name, of, sort, here)


def _merged() -> dict[str, Command]:
    found: dict[str, Command] = {}
    for one in _commands():
        before = found.get(one.name)
        found[one.name] = (
            one if before is None else Command(one.name, f"{before.of}, {one.of}", before.sort, before.here)
        )
    return found


COMMANDS = _merged()
"""Every command by its name."""


def not_read(name: str) -> str:
    """Say that a command is not read, and what it is here where that is known."""
    found = COMMANDS.get(name)
    return f"{name} is not read" + (f". Here: {found.here}" if found else "")
