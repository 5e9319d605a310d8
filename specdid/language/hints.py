"""What the commonest functions of Stata, R and Python are called here."""

from __future__ import annotations

import re

from specdid._diagnostics import Span, closest, did_you_mean
from specdid.language.functions import FUNCTIONS, SAMPLE_PATTERNS
from specdid.language.tree import Mistake

_STATA = "; type 2 are Stata's quantiles"
_HERE = {
    "ln": "write `log(x)`",
    "ihs": "write `asinh(x)`",
    "as.factor": "write `factor(x)`",
    "missing": "write `is.na(x)`",
    "cond": "write `ifelse(condition, yes, no)`",
    "inlist": "write `x %in% c(1, 2)`",
    "inrange": "write `between(x, 1, 2)`",
    "lag": "a panel lag is `l(x, 1)`",
    "shift": "a panel lag is `l(x, 1)`",
    "L": "a panel lag is `l(x, 1)`",
    "lead": "a panel lead is `f(x, 1)`",
    "F": "a panel lead is `f(x, 1)`",
    "diff": "a difference over one period is `d(x, 1)`",
    "D": "a difference over one period is `d(x, 1)`",
    "xtile": f"write `quantile_group(x, 4, type = 2)`{_STATA}",
    "pctile": f"write `quantile(x, 0.9, by = g, type = 2)`{_STATA}",
    "winsor": f"write `winsorize(x, 0.01, type = 2)`{_STATA}",
    "winsor2": f"write `winsorize(x, 0.01, type = 2)`{_STATA}",
    "egen": "name the function itself, as in `mean(x, by = province^year)`",
    "total": "write `sum(x, by = g)`",
    "rowmean": "write `(a + b) / 2`",
    "rowtotal": "write `coalesce(a, 0) + coalesce(b, 0)`",
    "cumprod": "write `exp(cumsum(log(x)))`",
    "fe": "fixed effects stand in [fixed_effects]",
    "absorb": "fixed effects stand in [fixed_effects]",
    "sunab": 'write `"Sun-Abraham" = "sunab"` in [estimator]',
}
_PREFIX = re.compile(r"([icDd]|[LFlf]\d*)\.(\w+)")


def unknown_function(function: str, span: Span) -> Mistake:
    """Return the problem of a call to what is not a function of the language."""
    return Mistake("unknown_name", f"no function `{function}`", span, _function_help(function))


def _function_help(function: str) -> str:
    if function in _HERE:
        return _HERE[function]
    if function in SAMPLE_PATTERNS:
        return f"it writes samples out, in [sample]: `{SAMPLE_PATTERNS[function].signature}`"
    if near := closest(function, FUNCTIONS, 0.65):
        return f"did you mean `{FUNCTIONS[near].signature}`?"
    return "`specdid explain functions` lists what there is"


def column_help(name: str, known: list[str]) -> str | None:
    """Suggest what an unknown column's name was meant to be, or None.

    Parameters
    ----------
    name : str
        The name that is not a column.
    known : list of str
        The data's columns and the derived ones.
    """
    prefix = _PREFIX.fullmatch(name)
    if prefix and prefix[2] in known:
        kind, x = prefix[1][0].lower(), prefix[2]
        written = {"i": f"factor({x})", "c": x}.get(kind, f"{kind}({x}, {prefix[1][1:] or 1})")
        return f"write `{written}`"
    return did_you_mean(name, known)
