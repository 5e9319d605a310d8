"""The functions that a Python program defines where it needs them, and what each needs itself."""

from __future__ import annotations

from collections.abc import Iterable

_HOLDS = '''
def holds(condition):
    """Where a condition holds; missing is no."""
    return (condition != 0) & ~pd.isna(condition)
'''
_KNOWN = '''
def known(result, *operands):
    """A comparison as 1 and 0; missing where an operand is, as in R."""
    missing = False
    for operand in operands:
        missing = missing | pd.isna(operand)
    return np.where(missing, np.nan, result)
'''
_COMPARE = '''
def compare(a, sign, b):
    """A comparison of expressions, as 1 and 0; missing where either is."""
    a, b = column(a), column(b)
    signs = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
    return known(getattr(a, signs[sign])(b), a, b)
'''
_BOTH = '''
def both(a, b):
    """R's `&`: 0 where either is 0, else missing where either is."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return np.where((a == 0) | (b == 0), 0.0, np.where(np.isnan(a) | np.isnan(b), np.nan, 1.0))
'''
_EITHER = '''
def either(a, b):
    """R's `|`: 1 where either holds, else missing where either is."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    missing = np.isnan(a) | np.isnan(b)
    true = ((a != 0) & ~np.isnan(a)) | ((b != 0) & ~np.isnan(b))
    return np.where(true, 1.0, np.where(missing, np.nan, 0.0))
'''
_NEGATION = '''
def negation(a):
    """R's `!`: missing stays missing."""
    a = np.asarray(a, float)
    return np.where(np.isnan(a), np.nan, a == 0)
'''
_IS_IN = '''
def is_in(x, values, missing=False):
    """R's `%in%`: never missing."""
    return np.where(pd.isna(x), missing, pd.Series(x).isin(values)).astype(float)
'''
_IS_MISSING = """
def is_missing(x):
    return np.where(pd.isna(x), 1.0, 0.0)
"""
_IFELSE = '''
def ifelse(test, yes, no):
    """Missing where the test is."""
    yes, no = (np.asarray(v, object) if np.asarray(v).dtype.kind in "OU" else v for v in (yes, no))
    return np.where(pd.isna(test), np.nan, np.where(np.asarray(test) != 0, yes, no))
'''
_LOG = '''
def log(x, base=np.e):
    """Missing where x is not positive."""
    values = np.log(np.where(np.asarray(x) > 0, x, np.nan))
    return values if base == np.e else values / np.log(base)
'''
_LOG1P = '''
def log1p(x):
    """Missing where x is not above -1."""
    return np.log1p(np.where(np.asarray(x) > -1, x, np.nan))
'''
_LOG10 = '''
def log10(x):
    """Missing where x is not positive."""
    return np.log10(np.where(np.asarray(x) > 0, x, np.nan))
'''
_COLUMN = '''
def column(x):
    """On all rows of the panel."""
    return pd.Series(x, index=d.index)
'''
_LAG = '''
def lag(x, k):
    """The unit's value k periods earlier; missing where there is no such row."""
    keys = pd.MultiIndex.from_arrays([unit, period])
    return pd.Series(column(x).to_numpy(), keys).reindex(pd.MultiIndex.from_arrays([unit, period - k])).to_numpy()
'''
_CHANGE = '''
def change(x, k):
    """x less its value k periods earlier."""
    return column(x) - lag(x, k)
'''
_AT = '''
def at(x, condition):
    """The unit's value where the condition holds, in all of its rows."""
    return column(x).where(holds(column(condition))).groupby(unit).transform("first")
'''
_FIRST = '''
def first(condition):
    """The first time at which the condition holds for the unit; infinite where it never does."""
    condition = column(condition)
    earliest = time.where(holds(condition), np.inf).groupby(unit).transform("min")
    return earliest.where(condition.notna().groupby(unit).transform("any"))
'''
_AVERAGE = '''
def average(x, by):
    """The mean within groups."""
    return column(x).groupby(column(by)).transform("mean")
'''
_WINSORIZE = '''
def winsorize(x, p):
    """Set what lies beyond the quantiles p and 1 - p to these."""
    x = column(x)
    return x.clip(*np.nanquantile(x, [p, 1 - p]))
'''
_TRIM = '''
def trim(x, p):
    """Set what lies beyond the quantiles p and 1 - p to missing."""
    x = column(x)
    low, high = np.nanquantile(x, [p, 1 - p])
    return x.mask((x < low) | (x > high))
'''
_SCALE = '''
def scale(x):
    """Mean 0 and standard deviation 1 over all rows."""
    x = column(x)
    return (x - x.mean()) / x.std()
'''
_CENTER = '''
def center(x):
    """Mean 0 over all rows."""
    return column(x) - column(x).mean()
'''
_POLY = '''
def poly(x, degree, k):
    """Column k of R's poly(x, degree): orthogonal over all rows where x is known."""
    x = column(x)
    known_rows = np.isfinite(x)
    powers = np.vander(x[known_rows] - x[known_rows].mean(), degree + 1, increasing=True)
    q, r = np.linalg.qr(powers)
    values = column(np.nan)
    values[known_rows] = (q * np.sign(np.diag(r)))[:, k]
    return values
'''
_SINGLETONS = '''
def without_singletons(d, effects):
    """Drop levels of a fixed effect that have a single row, until there are none."""
    while True:
        rows = len(d)
        for effect in effects:
            d = d[d.groupby(effect)[effect].transform("size") > 1]
        if len(d) == rows:
            return d
'''
_SMALL_SAMPLE = '''
def small_sample(fit, d, rule, kind, clusters, effects, slopes, dispersion=True):
    """What turns a standard error of pyfixest, corrected as in fixest, into that of another rule."""
    n, levels, nested = len(d), [d[e].nunique() for e in effects] or [1], []
    assert n == fit._N
    for e in effects:
        nested.append(any((d.groupby(e)[c].nunique() == 1).all() for c in clusters))
    k = sum(not name.startswith("_slope_") and name != "Intercept" for name in fit._coefnames)
    full = k + sum(levels) - len(levels) + 1 + sum(d[e].nunique() for e, _ in slopes)
    fixest = full - sum(size - 1 for size, inside in zip(levels, nested) if inside)
    groups = min((d[c].nunique() for c in clusters), default=2)
    rows = {"iid": 1, "hetero": n, "cluster": (n - 1) * groups / (groups - 1)}[kind]
    own = rows / (n - fit._df_k)
    if not dispersion and kind == "iid":  # the inverse of the information, as it is
        return np.sqrt((n - fit._df_k) / (n - 1)) if rule != "fixest" else 1.0
    if rule == "none":
        return np.sqrt((1 / n if kind == "iid" else 1) / own)
    if rule == "glm" or (rule == "reghdfe" and not dispersion):  # nothing of the model is counted
        return np.sqrt({"iid": 1 / (n - full), "hetero": n / (n - 1), "cluster": groups / (groups - 1)}[kind] / own)
    if rule in ("areg", "lsdv"):  # every fixed effect and slope is a column
        counted = k + rank(d, effects, slopes)
    elif rule == "reghdfe":  # as fixest, but redundant parameters are not counted
        free = [e for e, inside in zip(effects, nested) if not inside]
        counted = fixest - sum(max([components(d, e, f) for e in free[:j]], default=1) - 1 for j, f in enumerate(free))
        for e, x in slopes:
            low, high = d.groupby(e)[x].min(), d.groupby(e)[x].max()
            counted -= (low == high if e in effects else (low == 0) & (high == 0)).sum()
    else:
        counted = fixest
    return np.sqrt(rows / (n - counted) / own)
'''
_RANK = '''
def rank(d, effects, slopes):
    """The rank of the dummies and slopes together."""
    if not slopes and len(effects) < 3:
        count = sum(d[e].nunique() for e in effects) or 1
        return count - (components(d, *effects) if len(effects) == 2 else 0)
    columns = [pd.get_dummies(d[e]).to_numpy(float) for e in effects]
    columns += [pd.get_dummies(d[e]).to_numpy(float) * (d[[x]] / (d[x].abs().max() or 1)).to_numpy() for e, x in slopes]
    X = np.hstack(columns)
    return np.linalg.matrix_rank(X.T @ X, tol=1e-9 * len(X), hermitian=True)
'''
_COMPONENTS = '''
def components(d, a, b):
    """How many groups of levels no row connects."""
    group = pd.Series(pd.factorize(d[a])[0], index=d.index)
    while True:
        lower = group.groupby(d[b]).transform("min").groupby(d[a]).transform("min")
        if (lower == group).all():
            return group.nunique()
        group = lower
'''
_PERIODS = {
    "half": "base = 10 + 90 * (values >= 100_000)\n    return values // base * 2 + values % base - 1",
    "quarter": "base = 10 + 90 * (values >= 100_000)\n    return values // base * 4 + values % base - 1",
    "month": "return values // 100 * 12 + values % 100 - 1",
    "week": 'days = pd.to_datetime(values.dropna().astype(int).astype(str) + "1", format="%G%V%u")\n'
    "    return days.map(lambda day: (day.toordinal() - 1) // 7).reindex(values.index)",
    "day": 'days = pd.to_datetime(values.dropna().astype(int).astype(str), format="%Y%m%d")\n'
    "    return days.map(lambda day: day.toordinal()).reindex(values.index)",
}

_HELPERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "holds": (_HOLDS, ()),
    "column": (_COLUMN, ()),
    "known": (_KNOWN, ()),
    "compare": (_COMPARE, ("column", "known")),
    "both": (_BOTH, ()),
    "either": (_EITHER, ()),
    "negation": (_NEGATION, ()),
    "is_in": (_IS_IN, ()),
    "is_missing": (_IS_MISSING, ()),
    "ifelse": (_IFELSE, ()),
    "log": (_LOG, ()),
    "log1p": (_LOG1P, ()),
    "log10": (_LOG10, ()),
    "lag": (_LAG, ("column",)),
    "change": (_CHANGE, ("column", "lag")),
    "at": (_AT, ("holds", "column")),
    "first": (_FIRST, ("holds", "column")),
    "average": (_AVERAGE, ("column",)),
    "winsorize": (_WINSORIZE, ("column",)),
    "trim": (_TRIM, ("column",)),
    "scale": (_SCALE, ("column",)),
    "center": (_CENTER, ("column",)),
    "poly": (_POLY, ("column",)),
    "without_singletons": (_SINGLETONS, ()),
    "small_sample": (_SMALL_SAMPLE, ("rank", "components")),
    "rank": (_RANK, ("components",)),
    "components": (_COMPONENTS, ()),
}


def helpers(used: Iterable[str]) -> str:
    """Return the definitions of ``used`` and of what they need, each once."""
    wanted = set(used)
    for name in list(wanted):
        wanted |= set(_HELPERS[name][1])
    return "\n".join(text for name, (text, _) in _HELPERS.items() if name in wanted)


def periods(step: str | None) -> str:
    """Return the function that numbers periods so that a step is 1, where values do not do so themselves."""
    if step in (None, "year"):
        return ""
    body = _PERIODS.get(str(step)) or f"return (values / {float(str(step))!r} + 1e-6) // 1"
    return f'\ndef periods(values):\n    """Number periods so that a step is 1."""\n    {body}\n'
