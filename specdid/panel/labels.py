"""Value labels of a .dta file that say that a number is no value."""

from __future__ import annotations

import re

import numpy as np

from specdid._arrays import Floats

_CODE = re.compile(r"^\W*\d+\W+")
"""What often begins a label: its own number, as in "9. Don't know"."""
_ONE = (
    r"(do(es)?|did) ?n[o']?t know|dk|unknown|not known|can'?t (say|choose)|cannot (say|choose)"
    r"|refused?( to answer)?|refusal|declined( to answer)?|prefer not to (say|answer)|rf"
    r"|not applicable|inapplicable|iap|n/?a|n\.a\.?|no (answer|response)|non-?response|not (answered|stated|reported)"
    r"|not (asked|available|ascertained)|missing( (value|data))?"
    r"|不知道|不清楚|不详|未知|说不清|不适用|拒答|拒绝回答|不愿回答|无回答|未回答|无法回答|没有回答|缺失值?"
)
_MISSING = re.compile(rf"({_ONE})(\s*(/|,|;|、|\bor\b|或)\s*({_ONE}))*")


def labelled_missing(labels: tuple[tuple[float, str], ...], values: Floats) -> dict[float, str]:
    """Return the numbers that are labelled as missing, and their labels.

    There are none where fewer than two other values are told apart: of a column of 0 and 1 "missing" is an answer.
    """
    named = {code: label for code, label in labels if _says_missing(label)}
    if not named:
        return {}
    distinct = np.unique(values[np.isfinite(values)])
    found = {code: label for code, label in named.items() if code in distinct}
    return found if len(distinct) - len(found) >= 2 else {}


def _says_missing(label: str) -> bool:
    words = _CODE.sub("", label.casefold().replace("’", "'").replace("`", "'")).strip(" .()[]<>*-_（）【】")
    return _MISSING.fullmatch(words) is not None
