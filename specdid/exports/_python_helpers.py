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
    """The mean within groups, of equal values these: a second pass takes the rounding out, as R's mean does."""
    x, by = column(x).astype(float), column(by)
    found = x.groupby(by).transform("mean")
    return found + (x - found).groupby(by).transform("mean").fillna(0)
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

_IS_FINITE = '''
def is_finite(x):
    """1 where x is a number, neither missing nor infinite."""
    x = column(x)
    return np.isfinite(x).astype(float) if pd.api.types.is_numeric_dtype(x) else column(0.0)
'''
_ROUNDED = '''
def rounded(x, digits):
    """To the nearer of the two candidates as they are represented, at a tie to the even one: as in R 4."""
    if digits == 0:
        return np.rint(x)
    power = 10.0 ** abs(digits)
    scaled = x * power if digits > 0 else x / power
    low, high = np.floor(scaled), np.ceil(scaled)
    below, above = (low / power, high / power) if digits > 0 else (low * power, high * power)
    nearest = np.where((x - below < above - x) | ((x - below == above - x) & (low % 2 == 0)), below, above)
    return np.where(~np.isfinite(scaled) | (np.abs(scaled) > 1e15), x, nearest)
'''
_BETWEEN = '''
def between(x, left, right):
    """left <= x & x <= right, missing as R has it."""
    return both(compare(x, ">=", left), compare(x, "<=", right))
'''
_CASE_WHEN = '''
def case_when(*cases, default=np.nan):
    """The value of the first case whose condition holds; a missing condition does not."""
    found, open_rows = column(default).astype(object), column(True)
    for condition, value in cases:
        now = open_rows & holds(column(condition))
        found, open_rows = found.where(~now, column(value).astype(object)), open_rows & ~now
    return found.infer_objects()
'''
_COALESCE = '''
def coalesce(*values):
    """The first value that is not missing."""
    found = column(values[0])
    for value in values[1:]:
        found = found.where(found.notna(), column(value))
    return found
'''
_CUT = '''
def cut(x, breaks, right):
    """Number the intervals between the breaks from 0."""
    found = np.searchsorted(breaks, column(x), side="left" if right else "right")
    return column(found).where(column(x).notna())
'''
_GROUPS = '''
def groups(by):
    """Number the combinations of columns; missing where any is."""
    if not by:
        return column(0)
    codes = pd.concat([column(b) for b in by], axis=1, keys=range(len(by))).groupby(list(range(len(by)))).ngroup()
    return codes.where(codes >= 0)
'''
_GROUP = '''
def group(*columns):
    """Number the combinations of columns from 1, in sorted order."""
    return groups(columns) + 1
'''
_BY = '''
def {name}_by(x, by=()):
    """The {words} within groups, missing values left out; missing where there is none."""
    return column(x).astype(float).groupby(groups(by)).transform("{pandas}"{more})
'''
_MEAN_BY = '''
def mean_by(x, by=()):
    """The mean within groups, missing values left out; a second pass takes the rounding out, as R's mean does."""
    x, by = column(x).astype(float), groups(by)
    found = x.groupby(by).transform("mean")
    return found + (x - found).groupby(by).transform("mean").fillna(0)
'''
_QUANTILE = '''
def quantile(x, p, by=(), type=7):
    """The quantile within groups, interpolated as R's default does; type 2 is that of Stata's _pctile."""
    g = groups(by)
    found = column(x).groupby(g)
    return g.map(found.quantile(p) if type == 7 else found.agg(averaged, p))


def averaged(x, p):
    """The mean of two values where as many rows as n p are a whole number."""
    x = np.sort(x.dropna())
    if not len(x):
        return np.nan
    above = int(np.floor(len(x) * p + 1e-6))
    below = above - 1 if len(x) * p - above < 1e-6 else above
    return (x[max(below, 0)] + x[min(above, len(x) - 1)]) / 2
'''
_COUNT = '''
def count(by=()):
    """The number of rows within groups."""
    g = groups(by)
    return g.map(g.value_counts()).astype(float)
'''
_RANKED = '''
def ranked(x, by=()):
    """The rank within groups, ties sharing their mean."""
    return column(x).groupby(groups(by)).rank()
'''
_IN_TIME = '''
def in_time(x):
    """A column in the order of units and their periods."""
    return column(x).loc[pd.DataFrame({"u": unit, "t": period}).sort_values(["u", "t"]).index]
'''
_NTILE = '''
def ntile(x, n, by=()):
    """n groups of equal size by rank, the first ones larger by one; ties in the order of unit and time."""
    g = groups(by)
    place = column(in_time(x).groupby(g).rank(method="first")) - 1
    size = g.map(place.groupby(g).count())
    small, larger = size // n, size % n
    inside = place < larger * (small + 1)
    return (place // (small + 1)).where(inside, larger + (place - larger * (small + 1)) // small.clip(lower=1)) + 1
'''
_QUANTILE_GROUP = '''
def quantile_group(x, n, by=(), type=7):
    """n groups cut at the quantiles of x."""
    x = column(x)
    found = 1.0 + sum((x > quantile(x, k / n, by, type)) for k in range(1, n))
    return found.where(x.notna() & groups(by).notna())
'''
_CUMSUM = '''
def cumsum(x):
    """The running sum along the unit's rows; missing from the first missing value on."""
    x = in_time(x)
    return column(x.groupby(unit).cumsum().mask(x.isna().astype(int).groupby(unit).cumsum() > 0))
'''
_CUMMAX = '''
def cummax(x):
    """The largest value of the unit so far; missing from the first missing value on."""
    x = in_time(x)
    return column(x.groupby(unit).cummax().mask(x.isna().astype(int).groupby(unit).cumsum() > 0))
'''
_ROLL = '''
def roll(x, n):
    """The values of a period and the n - 1 before, a column each; missing where there is no such row."""
    return pd.concat([column(lag(x, k)) for k in range(n)], axis=1)
'''
_ROLL_MEAN = """
def roll_mean(x, n):
    return roll(x, n).mean(axis=1, skipna=False)
"""
_ROLL_SUM = """
def roll_sum(x, n):
    return roll(x, n).sum(axis=1, skipna=False)
"""
_ROLL_SD = """
def roll_sd(x, n):
    return roll(x, n).std(axis=1, skipna=False)
"""
_GROWTH = """
def growth(x, k):
    return column(x) / lag(x, k) - 1
"""
_INTERPOLATE = '''
def interpolate(x):
    """Fill gaps between known values of a unit by a straight line in time."""
    x = in_time(x)
    t = column(period).astype(float).loc[x.index]
    at = t.where(x.notna())
    a, start = x.groupby(unit).ffill(), at.groupby(unit).ffill()
    b, end = x.groupby(unit).bfill(), at.groupby(unit).bfill()
    return column(x.where(x.notna(), a + (b - a) * (t - start) / (end - start)))
'''
_CARRY_FORWARD = '''
def carry_forward(x):
    """The unit's last known value."""
    return column(in_time(x).groupby(unit).ffill())
'''
_WORDS = '''
def words(x):
    """Texts; numbers in up to 15 digits, whole ones without a point."""
    x = column(x)
    if not pd.api.types.is_numeric_dtype(x):
        return x.astype(object)
    x = x + 0.0  # no negative zero
    whole = (x == np.floor(x)) & (x.abs() < 1e15)
    return x.map("{:.0f}".format).where(whole, x.map("{:.15g}".format)).astype(object).where(x.notna(), None)
'''
_PASTE = '''
def paste(*values, sep=" "):
    """Texts joined; a missing one is the text NA, as in R."""
    found = [words(v).fillna("NA") for v in values]
    return column([sep.join(t) for t in zip(*found)])
'''
_PASTE0 = """
def paste0(*values):
    return paste(*values, sep="")
"""
_SUBSTR = '''
def substr(x, start, stop):
    """The characters from start to stop, counted from 1."""
    return words(x).str.slice(start - 1, max(stop, start - 1))
'''
_TEXT = """
def {name}(x):
    return words(x).str.{method}
"""
_PARSE_NUMBER = '''
def parse_number(x):
    """The number that a text shows, without commas, blanks and a sign of percent."""
    x = column(x)
    if pd.api.types.is_numeric_dtype(x):
        return x
    x = x.str.normalize("NFKC").str.replace("\\u2212", "-").str.replace(r"[% \\t]", "", regex=True)
    if x.str.match(r"[-+]?0[0-9]*,").fillna(False).any():
        raise ValueError("a comma after 0 is a decimal one")
    return pd.to_numeric(x.str.replace(",", "")).astype(float)
'''
_LIKE = '''
def like(x, pattern):
    """Whether a pattern is found; never missing."""
    return words(x).str.contains(pattern, regex=True).fillna(False).astype(float)
'''
_DATE = '''
def {name}(x):
    """The {name} of a date, written 2012-12-31."""
    return pd.to_datetime(column(x).str.strip().str.slice(0, 10), format="ISO8601").dt.{name}.astype(float)
'''
_STATA_DATE = '''
def stata_date(x, part, kind):
    """A part of what Stata counts from 1960: days, milliseconds, months, quarters or half-years."""
    x = column(x)
    if kind in ("%td", "%tc"):
        days = pd.to_timedelta(np.floor(x / {"%td": 1, "%tc": 86_400_000}[kind]), unit="D")
        return getattr((pd.Timestamp("1960-01-01") + days).dt, part).astype(float)
    months = x * {"%tm": 1, "%tq": 3, "%th": 6}[kind]
    return {"year": 1960 + months // 12, "month": months % 12 + 1, "quarter": months % 12 // 3 + 1}[part]
'''
_SPLINE = '''
def spline(x, kind, degree, inner, ends, k):
    """Column k of R's bs or ns: B-splines without the first, for ns those that are straight at the ends."""
    from scipy.interpolate import BSpline

    x, (low, high) = column(x).to_numpy(float), ends
    knots = np.array([low] * (degree + 1) + inner + [high] * (degree + 1))
    known, values = np.isfinite(x), np.full(len(x), np.nan)
    basis = BSpline.design_matrix(x[known], knots, degree).toarray()[:, 1:]
    if kind == "ns":
        curvature = BSpline(knots, np.eye(len(inner) + 4), 3).derivative(2)(np.array(ends))[:, 1:]
        basis = basis @ np.linalg.qr(curvature.T, mode="complete")[0][:, 2:]
    values[known] = basis[:, k - 1]
    return values
'''
_AGGREGATES = {
    name: (_BY.format(name=name, words=words, pandas=pandas, more=more), ("column", "groups"))
    for name, words, pandas, more in (
        ("median", "median", "median", ""), ("min", "smallest value", "min", ""),
        ("max", "largest value", "max", ""), ("sum", "sum", "sum", ", min_count=1"),
        ("sd", "standard deviation", "std", ""),
    )
}  # fmt: skip
_TEXTS = {
    name: (_TEXT.format(name=name, method=method), ("words",))
    for name, method in (
        ("tolower", "lower()"), ("toupper", "upper()"), ("trimws", r'strip(" \t\r\n")'),
        ("nchar", "len().astype(float)"),
    )
}  # fmt: skip
_DATES = {name: (_DATE.format(name=name), ("column",)) for name in ("year", "month", "quarter")}

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
    "is_finite": (_IS_FINITE, ("column",)),
    "rounded": (_ROUNDED, ()),
    "between": (_BETWEEN, ("both", "compare")),
    "case_when": (_CASE_WHEN, ("column", "holds")),
    "coalesce": (_COALESCE, ("column",)),
    "cut": (_CUT, ("column",)),
    "groups": (_GROUPS, ("column",)),
    "group": (_GROUP, ("groups",)),
    **{f"{name}_by": found for name, found in _AGGREGATES.items()},
    "mean_by": (_MEAN_BY, ("column", "groups")),
    "quantile": (_QUANTILE, ("column", "groups")),
    "count": (_COUNT, ("groups",)),
    "ranked": (_RANKED, ("column", "groups")),
    "in_time": (_IN_TIME, ("column",)),
    "ntile": (_NTILE, ("groups", "in_time")),
    "quantile_group": (_QUANTILE_GROUP, ("quantile",)),
    "cumsum": (_CUMSUM, ("in_time",)),
    "cummax": (_CUMMAX, ("in_time",)),
    "roll": (_ROLL, ("lag",)),
    "roll_mean": (_ROLL_MEAN, ("roll",)),
    "roll_sum": (_ROLL_SUM, ("roll",)),
    "roll_sd": (_ROLL_SD, ("roll",)),
    "growth": (_GROWTH, ("lag",)),
    "interpolate": (_INTERPOLATE, ("in_time",)),
    "carry_forward": (_CARRY_FORWARD, ("in_time",)),
    "words": (_WORDS, ("column",)),
    "paste": (_PASTE, ("words",)),
    "paste0": (_PASTE0, ("paste",)),
    "substr": (_SUBSTR, ("words",)),
    **_TEXTS,
    "parse_number": (_PARSE_NUMBER, ("column",)),
    "like": (_LIKE, ("words",)),
    **_DATES,
    "spline": (_SPLINE, ("column",)),
    "stata_date": (_STATA_DATE, ("column",)),
    "without_singletons": (_SINGLETONS, ()),
    "small_sample": (_SMALL_SAMPLE, ("rank", "components")),
    "rank": (_RANK, ("components",)),
    "components": (_COMPONENTS, ()),
}


def helpers(used: Iterable[str]) -> str:
    """Return the definitions of ``used`` and of what they need, each once."""
    wanted: set[str] = set()
    open_ = list(used)
    while open_:
        name = open_.pop()
        if name in _HELPERS and name not in wanted:
            wanted.add(name)
            open_ += _HELPERS[name][1]
    return "\n".join(text for name, (text, _) in _HELPERS.items() if name in wanted)


def periods(step: str | None) -> str:
    """Return the function that numbers periods so that a step is 1, where values do not do so themselves."""
    if step in (None, "year"):
        return ""
    body = _PERIODS.get(str(step)) or f"return (values / {float(str(step))!r} + 1e-6) // 1"
    return f'\ndef periods(values):\n    """Number periods so that a step is 1."""\n    {body}\n'
