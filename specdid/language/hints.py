"""What users of Stata, R and Python write, and what it is called here."""

from __future__ import annotations

import re

from specdid._diagnostics import Span, closest
from specdid.language.functions import FUNCTIONS
from specdid.language.scan import LOOK_ALIKES
from specdid.language.tree import Mistake

_SPELLED = {
    "ln": "log", "loge": "log", "logp1": "log1p", "ihs": "asinh", "arcsinh": "asinh", "absolute": "abs",
    "as.factor": "factor", "fct": "factor", "categorical": "factor", "dummy": "factor",
    "standardize": "scale", "zscore": "scale", "zscale": "scale", "demean": "center", "centre": "center",
    "winsorise": "winsorize", "Winsorize": "winsorize",
    "ifelse_": "ifelse", "if_else": "ifelse", "fifelse": "ifelse", "where": "ifelse", "cond": "ifelse",
    "iff": "ifelse", "minimum": "pmin",
    "maximum": "pmax", "rowmin": "pmin", "rowmax": "pmax", "isna": "is.na", "isnull": "is.na",
    "is_na": "is.na", "isnan": "is.na", "missing": "is.na", "is.null": "is.na", "is.nan": "is.na",
    "power_set": "mvsw", "stepwise": "sw", "floor_": "floor", "int": "as.integer", "trunc": "as.integer",
    "ceil": "ceiling", "isfinite": "is.finite", "is_finite": "is.finite", "avg": "mean", "average": "mean",
    "stdev": "sd", "total": "sum", "uniqueN": "n_distinct", "nunique": "n_distinct",
    "n": "count", "qcut": "quantile_group",
    "percentile": "quantile", "findInterval": "cut", "frank": "rank", "min_rank": "rank",
    "dense_rank": "rank", "nafill": "carry_forward", "locf": "carry_forward", "na.locf": "carry_forward",
    "fill": "carry_forward", "ffill": "carry_forward", "carryforward": "carry_forward", "ipolate": "interpolate",
    "approx": "interpolate", "na.approx": "interpolate", "frollmean": "roll_mean", "rollmean": "roll_mean",
    "frollsum": "roll_sum", "rollsum": "roll_sum", "frollsd": "roll_sd", "rollsd": "roll_sd", "cum_sum": "cumsum",
    "cum_max": "cummax", "pct_change": "growth", "lower": "tolower", "strlower": "tolower", "str_to_lower": "tolower",
    "upper": "toupper", "strupper": "toupper", "str_to_upper": "toupper", "strtrim": "trimws", "str_trim": "trimws",
    "strlen": "nchar", "str_length": "nchar", "ustrlen": "nchar", "substring": "substr", "str_sub": "substr",
    "usubstr": "substr", "concat": "paste0", "str_c": "paste0", "yofd": "year", "fcase": "case_when",
}  # fmt: skip
_HABITS = {
    "lag": "a panel lag is `l(x, 1)`",
    "shift": "a panel lag is `l(x, 1)`",
    "L": "a panel lag is `l(x, 1)`",
    "lead": "a panel lead is `f(x, 1)`",
    "F": "a panel lead is `f(x, 1)`",
    "diff": "a difference over one period is `d(x, 1)`",
    "D": "a difference over one period is `d(x, 1)`",
    "group_by": "functions of groups take `by`, as in `mean(x, by = province^year)`",
    "groupby": "functions of groups take `by`, as in `mean(x, by = province^year)`",
    "by": "functions of groups take `by`, as in `mean(x, by = province^year)`",
    "var": "write `sd(x, by = g)^2`",
    "xtile": "write `quantile_group(x, 4, type = 2)`; type 2 are Stata's quantiles",
    "pctile": "write `quantile(x, 0.9, by = g, type = 2)`; type 2 are Stata's quantiles",
    "winsor": "write `winsorize(x, 0.01, type = 2)`; type 2 are Stata's quantiles",
    "winsor2": "write `winsorize(x, 0.01, type = 2)`; type 2 are Stata's quantiles",
    "iqr": "write `quantile(x, 0.75, by = g) - quantile(x, 0.25, by = g)`",
    "IQR": "write `quantile(x, 0.75, by = g) - quantile(x, 0.25, by = g)`",
    "std": "`scale(x)` standardises; `sd(x, by = g)` is a standard deviation",
    "tapply": "functions of groups take `by`, as in `mean(x, by = province^year)`",
    "aggregate": "functions of groups take `by`, as in `mean(x, by = province^year)`",
    "sapply": "functions of columns run over all rows: name the function and the column, as in `log(x)`",
    "table": "`count(by = g)` counts rows by group",
    "tab": "`count(by = g)` counts rows by group",
    "cummean": "`cumsum(x) / cumsum(1)` is a running mean",
    "gsub": "texts are changed in the file; `substr(x, 1, 2)` takes a part, `x %like% 'a'` finds one",
    "sub": "texts are changed in the file; `substr(x, 1, 2)` takes a part, `x %like% 'a'` finds one",
    "subinstr": "texts are changed in the file; `substr(x, 1, 2)` takes a part, `x %like% 'a'` finds one",
    "str_replace": "texts are changed in the file; `substr(x, 1, 2)` takes a part, `x %like% 'a'` finds one",
    "strpos": 'a pattern is found by `x %like% "pattern"`',
    "egen": "name the function itself, as in `mean(x, by = province)`",
    "recode": "as in `case_when(x == 1 ~ 2, x == 3 ~ NA, TRUE ~ x)`",
    "real": "columns are read as numbers where they hold numbers",
    "destring": "columns are read as numbers where they hold numbers",
    "seq": "an expression is of columns; a list of values follows `%in%`, as in `year %in% 2008:2012`",
    "row_number": "`rank(x, by = g)` ranks values; `cumsum(1)` counts the unit's rows",
    "rowmean": "write `(a + b) / 2`",
    "rowtotal": "write `coalesce(a, 0) + coalesce(b, 0)`",
    "rowSums": "write `a + b`",
    "rowMeans": "write `(a + b) / 2`",
    "str_detect": 'a pattern is found by `x %like% "pattern"`',
    "regexm": 'a pattern is found by `x %like% "pattern"`',
    "ustrregexm": 'a pattern is found by `x %like% "pattern"`',
    "mofd": "write `month(x)`; a date's month in a year, 1 to 12",
    "date": "dates are read as they stand: `year(x)`, `month(x)`, `quarter(x)`",
    "as.Date": "dates are read as they stand: `year(x)`, `month(x)`, `quarter(x)`",
    "cumprod": "write `exp(cumsum(log(x)))`",
    "cummin": "write `-cummax(-x)`",
    "log2": "write `log(x, 2)`",
    "pow": "write `x^2`",
    "power": "write `x^2`",
    "square": "write `x^2`",
    "sq": "write `x^2`",
    "inlist": "write `x %in% c(1, 2)`",
    "isin": "write `x %in% c(1, 2)`",
    "match": "write `x %in% c(1, 2)`",
    "inrange": "write `x >= 1 & x <= 2`",
    "interaction": "an interaction is `a:b` among terms, `a^b` among fixed effects; `group(a, b)` is a code",
    "relevel": "write `i(f, ref = 2011)`",
    "spline": "write `bs(x, df = 4)`, or `ns(x, df = 3)` for natural splines",
    "mkspline": "write `bs(x, df = 4)`, or `ns(x, df = 3)` for natural splines",
    "rcs": "write `ns(x, df = 3)`",
    "cr": "write `ns(x, df = 3)`",
    "s": "write `bs(x, df = 4)`, or `ns(x, df = 3)` for natural splines",
    "not": "write `!(a == 1)`",
    "fe": "fixed effects stand in [fixed_effects]",
    "absorb": "fixed effects stand in [fixed_effects]",
    "sunab": 'write `"Sun-Abraham" = "sunab"` in [estimator]',
    "float": "columns are read as numbers where they hold numbers",
    "each": 'it writes samples out: in [sample], regions = "each(region)"',
    "drop_each": 'it writes samples out: in [sample], without = "drop_each(region)"',
    "halves": 'it writes samples out: in [sample], halves = "halves(5)"',
    "window": 'it writes samples out: in [sample], years = "window(year, 8, step = 2)"',
    "drop_first": 'it writes samples out: in [sample], from = "drop_first(year, 3)"',
    "drop_last": 'it writes samples out: in [sample], to = "drop_last(year, 3)"',
    "xpd": "a macro is `..name`, defined in [macros]",
}
_CODE = re.compile(
    r"__|^(eval|exec|open|compile|system|getattr|setattr|globals|locals|vars|dir|print|input|parse|source"
    r"|get|assign|Sys\.\w+|os\.\w+|sys\.\w+|subprocess\.\w+|quit|breakpoint|import|library|require|str|repr"
    r"|format|lambda|type|chr|bytes)$"
)
_PACKAGE = re.compile(
    r"^(?:np|numpy|math|pd|pandas|stats|base|dplyr|tidyr|lubridate|stringr|zoo|data\.table|fixest|df|data)\.(.+)$"
)


def unknown_function(function: str, span: Span) -> Mistake:
    """Return the problem of a call to what is not a function of the language."""
    return Mistake("unknown_function", f"no function `{function}`", span, _function_help(function))


def _function_help(function: str) -> str:
    bare = package.group(1) if (package := _PACKAGE.match(function)) else function
    plain = "".join(LOOK_ALIKES.get(letter, letter) for letter in bare)
    if plain in FUNCTIONS:
        return f"write `{plain}`"
    if plain in _SPELLED:
        return f"did you mean `{FUNCTIONS[_SPELLED[plain]].signature}`?"
    if plain in _HABITS:
        return _HABITS[plain]
    if _CODE.search(function):
        return "a spec file is data: nothing but the language's own functions can be called"
    near = closest(plain, list(FUNCTIONS))
    if near:
        return f"did you mean `{FUNCTIONS[near].signature}`?"
    return f"the functions are {', '.join(name for name in FUNCTIONS if name != '..')}"


def column_help(name: str, known: list[str]) -> str | None:
    """Suggest what an unknown column's name was meant to be, or None.

    Parameters
    ----------
    name : str
        The name that is not a column.
    known : list of str
        The data's columns and the derived ones.
    """
    if name[:2] in ("i.", "c.") and name[2:] in known:
        return f"write `factor({name[2:]})`" if name[0] == "i" else f"write `{name[2:]}`"
    if name == ".N":
        return "the number of rows is `count(by = g)`"
    alike = known if len(name) > 4 else [k for k in known if abs(len(k) - len(name)) <= 1]
    near = closest(name, known, 0.7) or closest(name, alike)
    if near:
        return f"did you mean `{near}`?"
    owner, _, attribute = name.partition(".")
    if "__" in name or (owner in known and attribute):
        return "a `.` is part of a name, as in R: columns have no attributes"
    if package := _PACKAGE.match(name):
        return f"did you mean `{package.group(1)}`?"
    return None
