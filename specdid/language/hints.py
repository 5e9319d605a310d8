"""What users of Stata, R and Python write, and what it is called here."""

from __future__ import annotations

import re

from specdid._diagnostics import Span, closest
from specdid.language.functions import FUNCTIONS
from specdid.language.problems import Problem
from specdid.language.scan import LOOK_ALIKES

_SPELLED = {
    "ln": "log", "loge": "log", "logp1": "log1p", "ihs": "asinh", "arcsinh": "asinh", "absolute": "abs",
    "as.factor": "factor", "fct": "factor", "categorical": "factor", "dummy": "factor",
    "standardize": "scale", "zscore": "scale", "zscale": "scale", "demean": "center", "centre": "center",
    "winsor": "winsorize", "winsor2": "winsorize", "winsorise": "winsorize", "Winsorize": "winsorize",
    "ifelse_": "ifelse", "if_else": "ifelse", "fifelse": "ifelse", "where": "ifelse", "cond": "ifelse",
    "case_when": "ifelse", "iff": "ifelse", "min": "pmin", "max": "pmax", "minimum": "pmin",
    "maximum": "pmax", "rowmin": "pmin", "rowmax": "pmax", "isna": "is.na", "isnull": "is.na",
    "is_na": "is.na", "isnan": "is.na", "missing": "is.na", "is.null": "is.na", "is.nan": "is.na",
    "power_set": "mvsw", "stepwise": "sw", "floor_": "floor", "int": "floor", "trunc": "floor",
}  # fmt: skip
_HABITS = {
    "lag": "a panel lag is `l(x, 1)`",
    "shift": "a panel lag is `l(x, 1)`",
    "L": "a panel lag is `l(x, 1)`",
    "lead": "a panel lead is `f(x, 1)`",
    "F": "a panel lead is `f(x, 1)`",
    "diff": "a difference over one period is `d(x, 1)`",
    "D": "a difference over one period is `d(x, 1)`",
    "mean": "a mean by group is `ave(x, by)`; `center(x)` takes the mean away",
    "avg": "a mean by group is `ave(x, by)`",
    "group_by": "a mean by group is `ave(x, by)`",
    "groupby": "a mean by group is `ave(x, by)`",
    "by": "a mean by group is `ave(x, by)`",
    "sum": "a mean by group is `ave(x, by)`; sums go into the data",
    "median": "compute medians in the data; `winsorize(x, p)` and `trim(x, p)` treat outliers",
    "quantile": "`winsorize(x, p)` and `trim(x, p)` treat outliers",
    "xtile": "cut at a value, as in `ifelse(x > 10, 1, 0)`; quantile groups go into the data",
    "cut": "cut at a value, as in `ifelse(x > 10, 1, 0)`",
    "ntile": "cut at a value, as in `ifelse(x > 10, 1, 0)`",
    "log2": "write `log(x, 2)`",
    "pow": "write `x^2`",
    "power": "write `x^2`",
    "square": "write `x^2`",
    "sq": "write `x^2`",
    "round": "`floor(x + 0.5)` rounds",
    "ceiling": "write `-floor(-x)`",
    "ceil": "write `-floor(-x)`",
    "inlist": "write `x %in% c(1, 2)`",
    "isin": "write `x %in% c(1, 2)`",
    "match": "write `x %in% c(1, 2)`",
    "inrange": "write `x >= 1 & x <= 2`",
    "between": "write `x >= 1 & x <= 2`",
    "interaction": "write `a:b` among terms, `a^b` among fixed effects",
    "relevel": "write `i(f, ref = 2011)`",
    "spline": "splines are not here; `poly(x, 3)` is a cubic",
    "bs": "splines are not here; `poly(x, 3)` is a cubic",
    "ns": "splines are not here; `poly(x, 3)` is a cubic",
    "not": "write `!(a == 1)`",
    "fe": "fixed effects stand in [fixed_effects]",
    "absorb": "fixed effects stand in [fixed_effects]",
    "sunab": 'write `"Sun-Abraham" = "sunab"` in [estimator]',
    "substr": "prepare texts in the data",
    "paste": "prepare texts in the data",
    "as.numeric": "columns are read as numbers where they hold numbers",
    "as.integer": "columns are read as numbers where they hold numbers",
    "float": "columns are read as numbers where they hold numbers",
    "xpd": "a macro is `..name`, defined in [macros]",
}
_CODE = re.compile(
    r"__|^(eval|exec|open|compile|system|getattr|setattr|globals|locals|vars|dir|print|input|parse|source"
    r"|get|assign|Sys\.\w+|os\.\w+|sys\.\w+|subprocess\.\w+|quit|breakpoint|import|library|require|str|repr"
    r"|format|lambda|type|chr|bytes)$"
)
_PACKAGE = re.compile(r"^(?:np|numpy|math|pd|pandas|stats|base|dplyr|fixest|df|data)\.(.+)$")


def unknown_function(function: str, span: Span) -> Problem:
    """Return the problem of a call to what is not a function of the language."""
    return Problem("unknown_function", f"no function `{function}`", span, _function_help(function))


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
