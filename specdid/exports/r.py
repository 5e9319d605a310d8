"""A specification as an R program: base R for the data, fixest for the regression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce

from specdid._programs.names import (
    IN_TIME,
    comment,
    functions,
    is_missing,
    listed,
    many,
    members,
    number,
    plain_number,
    quoted,
)
from specdid._programs.script import DATE, POLY, SPLINE, DataFile, MatchedUnits, Script, WideFile
from specdid.exports._base import Export, data_files, program_of, section
from specdid.language import FUNCTIONS, argument
from specdid.language import write as written
from specdid.language.functions import match_arguments
from specdid.language.tree import Argument, Binary, Call, Constant, Node, Number, Text, Unary, joint_levels

_GROUPS = """# n groups cut at the quantiles of x
{name} <- function(x, n, by) {{
  group <- ifelse(is.na(on_rows(x)) | is.na(on_rows(by)), NA, 1)
  for (k in seq_len(n - 1)) group <- group + (x > {quantile}(x, k / n, by))
  group
}}"""
HELPERS = {
    "log_na": "log_na <- function(x, base = exp(1)) log(ifelse(x > 0, x, NA), base)  # missing where x <= 0",
    "log10_na": "log10_na <- function(x) log10(ifelse(x > 0, x, NA))  # missing where x <= 0",
    "log1p_na": "log1p_na <- function(x) log1p(ifelse(x > -1, x, NA))  # missing where x <= -1",
    "on_rows": "on_rows <- function(x) rep_len(x, nrow(d))",
    "lag_by": """# the unit's value k periods earlier; missing where there is no such row
lag_by <- function(x, k) on_rows(x)[match(paste(unit, period - k), paste(unit, period))]""",
    "change_by": "change_by <- function(x, k) on_rows(x) - lag_by(x, k)",
    "in_or_na": "in_or_na <- function(x, values) is.na(x) | x %in% values",
    "at_cond": """# the unit's value where the condition holds, in all of its rows
at_cond <- function(x, cond) {
  x <- on_rows(x)
  found <- which(on_rows(cond) != 0 & !is.na(x))
  x[found][match(unit, unit[found])]
}""",
    "first_time": """# the first time at which the condition holds for the unit; Inf where it never does
first_time <- function(cond) {
  cond <- on_rows(cond)
  earliest <- ave(ifelse((cond != 0) %in% TRUE, time, Inf), unit, FUN = min)
  ifelse(ave(as.numeric(!is.na(cond)), unit, FUN = max) > 0, earliest, NA)
}""",
    "mean_by": """# the mean within groups
mean_by <- function(x, by) {
  x <- on_rows(x)
  unname(tapply(x, on_rows(by), mean, na.rm = TRUE)[as.character(on_rows(by))])
}""",
    "winsorize": """# what lies beyond the quantiles p and 1 - p is set to these
winsorize <- function(x, p) {
  q <- quantile(x, c(p, 1 - p), na.rm = TRUE, names = FALSE)
  pmin(pmax(x, q[1]), q[2])
}""",
    "trim": """# what lies beyond the quantiles p and 1 - p is missing
trim <- function(x, p) {
  q <- quantile(x, c(p, 1 - p), na.rm = TRUE, names = FALSE)
  ifelse(x < q[1] | x > q[2], NA, x)
}""",
    "scale_all": "scale_all <- function(x) (x - mean(x, na.rm = TRUE)) / sd(x, na.rm = TRUE)",
    "center_all": "center_all <- function(x) x - mean(x, na.rm = TRUE)",
    "poly_part": """# column k of poly(x, degree), orthogonal over all rows where x is known
poly_part <- function(x, degree, k) {
  known <- is.finite(x)
  values <- rep(NA_real_, length(x))
  values[known] <- poly(x[known], degree)[, k]
  values
}""",
    "spline_part": """# column k of bs or ns, over all rows where x is known
spline_part <- function(x, kind, degree, inner, ends, k) {
  known <- is.finite(x)
  values <- rep(NA_real_, length(x))
  if (kind == "ns") {
    values[known] <- splines::ns(x[known], knots = inner, Boundary.knots = ends)[, k]
  } else {
    values[known] <- splines::bs(x[known], knots = inner, Boundary.knots = ends, degree = degree)[, k]
  }
  values
}""",
    "between": "between <- function(x, left, right) x >= left & x <= right",
    "where_holds": """# where a condition holds, and not where it is missing
where_holds <- function(cond, yes, no) ifelse((on_rows(cond) != 0) %in% TRUE, yes, no)""",
    "known_or": "known_or <- function(x, other) ifelse(is.na(on_rows(x)), other, x)",
    "joint": 'joint <- function(a, b) ifelse(is.na(a) | is.na(b), NA, paste(a, b, sep = "\\r"))',
    "over": """# a statistic of the known values within groups
over <- function(x, f, by) {
  x <- on_rows(x)
  by <- as.character(on_rows(by))
  known <- !is.na(x) & !is.na(by)
  unname(tapply(x[known], by[known], f)[by])
}""",
    "quantile_by": """# R's default quantile within groups
quantile_by <- function(x, p, by) over(x, function(v) quantile(v, p, names = FALSE), by)""",
    "quantile_type2": """# the quantile within groups as Stata's _pctile has it, R's type 2
quantile_type2 <- function(x, p, by) {
  over(x, function(v) {
    v <- sort(v)
    above <- floor(length(v) * p + 1e-6)
    below <- ifelse(length(v) * p - above < 1e-6, above - 1, above)
    (v[max(below, 0) + 1] + v[min(above, length(v) - 1) + 1]) / 2
  }, by)
}""",
    "quantile_group": _GROUPS.format(name="quantile_group", quantile="quantile_by"),
    "quantile_group2": _GROUPS.format(name="quantile_group2", quantile="quantile_type2"),
    "rank_by": """# the rank within groups, ties sharing their mean
rank_by <- function(x, by) {
  by <- on_rows(by)
  known <- which(!is.na(x) & !is.na(by))
  found <- rep(NA_real_, nrow(d))
  found[known] <- ave(as.numeric(x)[known], by[known], FUN = rank)
  found
}""",
    "ntile_by": """# n groups of equal size by rank, the first ones larger by one; ties in the order of unit and time
ntile_by <- function(x, n, by) {
  by <- on_rows(by)
  known <- which(!is.na(x) & !is.na(by))
  sorted <- known[order(x[known], unit[known], period[known], method = "radix")]
  place <- ave(rep(1, length(sorted)), by[sorted], FUN = cumsum) - 1
  size <- ave(rep(1, length(sorted)), by[sorted], FUN = sum)
  small <- size %/% n
  larger <- size %% n
  edge <- larger * (small + 1)
  found <- rep(NA_real_, nrow(d))
  found[sorted] <- ifelse(place < edge, place %/% (small + 1), larger + (place - edge) %/% pmax(small, 1)) + 1
  found
}""",
    "code_of": 'code_of <- function(x) match(x, sort(unique(on_rows(x)), method = "radix"))  # from 1, in order',
    "code_pairs": "code_pairs <- function(a, b) code_of(a * (nrow(d) + 1) + b)",
    "along": """# along the unit's rows in the order of time
along <- function(x, f) {
  x <- on_rows(x)
  sorted <- order(unit, period)
  x[sorted] <- ave(x[sorted], unit[sorted], FUN = match.fun(f))
  x
}""",
    "roll": """# a statistic of a period and the n - 1 before; missing where one has no row
roll <- function(x, n, f) apply(sapply(seq_len(n) - 1, function(k) lag_by(x, k)), 1, match.fun(f))""",
    "growth_by": "growth_by <- function(x, k = 1) on_rows(x) / lag_by(x, k) - 1",
    "interpolate": """# gaps between known values of the unit, by a straight line in time
interpolate <- function(x) {
  x <- on_rows(x)
  line <- function(at) {
    known <- at[!is.na(x[at])]
    if (length(known) < 2) x[at] else approx(period[known], x[known], period[at])$y
  }
  ave(as.numeric(seq_along(x)), unit, FUN = line)
}""",
    "carry_forward": """# the unit's last known value
carry_forward <- function(x) {
  along(x, function(v) c(NA, v)[cummax(ifelse(is.na(v), 0, seq_along(v))) + 1])
}""",
    "words": """# text; numbers without an exponent
words <- function(x) {
  if (is.character(x)) return(x)
  x <- x + 0  # no negative zero
  ifelse(is.na(x), NA, ifelse(x == floor(x) & abs(x) < 1e15, sprintf("%.0f", x), sprintf("%.15g", x)))
}""",
    "parse_number": """# the number that a text shows, without commas, blanks and a sign of percent
parse_number <- function(x) {
  if (is.numeric(x)) return(x)
  x <- gsub("\\u2212", "-", x)
  wide <- "\\uff05\\uff0b\\uff0c\\uff0d\\uff0e\\uff10\\uff11\\uff12\\uff13\\uff14\\uff15\\uff16\\uff17\\uff18\\uff19"
  x <- chartr(wide, "%+,-.0123456789", x)
  x <- gsub("[% \\t\\u00a0\\u2007\\u2009\\u202f\\u3000]", "", x)
  as.numeric(ifelse(grepl("^[-+]?0[0-9]*,", x, perl = TRUE), x, gsub(",", "", x)))  # 0,681 stays text
}""",
    "year_of": "year_of <- function(x) as.numeric(substr(trimws(x), 1, 4))",
    "month_of": "month_of <- function(x) as.numeric(substr(trimws(x), 6, 7))",
    "quarter_of": "quarter_of <- function(x) (month_of(x) - 1) %/% 3 + 1",
    "stata_date": """# a part of what Stata counts from 1960
stata_date <- function(x, part, kind) {
  if (kind == "%td" | kind == "%tc") {
    day <- as.POSIXlt(as.Date(floor(x / ifelse(kind == "%td", 1, 86400000)), origin = "1960-01-01"))
    year <- day$year + 1900
    month <- day$mon + 1
  } else {
    months <- x * ifelse(kind == "%tm", 1, ifelse(kind == "%tq", 3, 6))
    year <- 1960 + months %/% 12
    month <- months %% 12 + 1
  }
  if (part == "year") year else if (part == "month") month else (month - 1) %/% 3 + 1
}""",
    "num": "num <- function(x) if (is.logical(x)) as.numeric(x) else x",
    "without_singletons": """# drop levels of a fixed effect that have a single row, until there are none
without_singletons <- function(d, effects) {
  repeat {
    rows <- nrow(d)
    for (effect in effects) {
      level <- do.call(paste, c(d[effect], sep = "\\r"))
      d <- d[table(level)[level] > 1, , drop = FALSE]
    }
    if (nrow(d) == rows) return(d)
  }
}""",
}
"""Name -> definition."""

_NEEDS = {
    "lag_by": ("on_rows",), "change_by": ("on_rows", "lag_by"), "at_cond": ("on_rows",),
    "first_time": ("on_rows",), "mean_by": ("on_rows",), "where_holds": ("on_rows",), "known_or": ("on_rows",),
    "over": ("on_rows",), "quantile_by": ("over",), "quantile_group": ("quantile_by",), "quantile_type2": ("over",),
    "quantile_group2": ("quantile_type2",), "rank_by": ("on_rows",),
    "ntile_by": ("on_rows",), "code_of": ("on_rows",), "code_pairs": ("code_of",), "along": ("on_rows",),
    "roll": ("lag_by",), "growth_by": ("lag_by",), "interpolate": ("on_rows",),
    "carry_forward": ("along",), "quarter_of": ("month_of",),
}  # fmt: skip
_PERIODS = {
    "half": """{
  base <- ifelse(values >= 100000, 100, 10)  # 20122 or 201202
  values %/% base * 2 + values %% base - 1
}""",
    "quarter": """{
  base <- ifelse(values >= 100000, 100, 10)  # 20124 or 201204
  values %/% base * 4 + values %% base - 1
}""",
    "month": "values %/% 100 * 12 + values %% 100 - 1",
    "day": 'as.numeric(as.Date(as.character(values), "%Y%m%d"))',
    "week": """{
  fourth <- as.Date(ifelse(is.na(values), NA, paste0(values %/% 100, "-01-04")))  # is in week 1
  monday <- fourth - (as.integer(format(fourth, "%u")) - 1) + 7 * (values %% 100 - 1)
  (as.numeric(monday) + 3) %/% 7
}""",
}
_HELPERS = {
    "log": "log_na", "log10": "log10_na", "log1p": "log1p_na", "at": "at_cond", "first": "first_time",
    "ave": "mean_by", "scale": "scale_all", "center": "center_all", "winsorize": "winsorize", "trim": "trim",
    POLY: "poly_part", SPLINE: "spline_part", DATE: "stata_date",
    "parse_number": "parse_number", "between": "between", "growth": "growth_by", "interpolate": "interpolate",
    "carry_forward": "carry_forward", "year": "year_of", "month": "month_of", "quarter": "quarter_of",
}  # fmt: skip
_OVER = {"mean": "mean", "median": "median", "min": "min", "max": "max", "sum": "sum", "sd": "sd"}
_RANKED = {"quantile": "quantile_by", "rank": "rank_by", "ntile": "ntile_by", "quantile_group": "quantile_group"}
_OF_TYPE_2 = {"quantile": "quantile_type2", "quantile_group": "quantile_group2"}
_ALONG = ("cumsum", "cummax")
_WINDOWS = {"roll_mean": "mean", "roll_sum": "sum", "roll_sd": "sd"}
_WORDS = ("paste", "paste0", "substr", "tolower", "toupper", "trimws", "nchar")
FUNCTIONS_OF_X = frozenset(name for name, f in FUNCTIONS.items() if any(p.name == "x" for p in f.parameters))
_MISSING = 'c("", "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A")'
_READERS = {
    "parquet": ("arrow", "arrow::read_parquet(DATA)"),
    "feather": ("arrow", "arrow::read_feather(DATA)"),
    "dta": ("haven", "haven::zap_labels(haven::read_dta(DATA))"),
    "xlsx": ("readxl", "readxl::read_excel(DATA, na = MISSING, guess_max = 1048576)"),
}
_LOCALE = (
    'if (!l10n_info()[["UTF-8"]]) '
    'stop("this program has letters that need a UTF-8 locale; run it as LC_ALL=C.UTF-8 Rscript FILE")'
)
"""First line of a program that is not ASCII: elsewhere R reads no further than such a letter, with a warning only."""
_STATA_DATES = (
    "stata_number <- function(x) {  # dates as Stata counts them, in days or milliseconds from 1960",
    '  if (inherits(x, "Date")) return(as.numeric(x) + 3653)',
    '  if (inherits(x, "POSIXct")) return(1000 * (as.numeric(x) + 315619200))',
    "  as.numeric(x)",
    "}",
)
_ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8-BOM", "utf-16": "UTF-16", "gb18030": "GB18030"}


def helpers(used: Iterable[str]) -> list[str]:
    """Return the definitions of ``used`` and of what they need, each once."""
    wanted: set[str] = set()
    open_ = list(used)
    while open_:
        name = open_.pop()
        if name not in wanted:
            wanted.add(name)
            open_ += _NEEDS.get(name, ())
    return [text for name, text in HELPERS.items() if name in wanted]


def periods(step: str | None) -> list[str]:
    """Return the function that numbers periods so that a step is 1, where values do not do so themselves."""
    if step in (None, "year"):
        return []
    body = _PERIODS.get(str(step)) or f"floor(values / {float(str(step))!r} + 1e-6)"
    return [f"periods <- function(values) {body}  # a step is 1"]


def parameters(name: str) -> tuple[str, ...]:
    """Name the parameters of a function of the language."""
    return tuple(p.name for p in FUNCTIONS[name].parameters) if name in FUNCTIONS else ()


class RValues:
    """Writes expressions, noting in ``used`` the helpers that they call."""

    def __init__(self) -> None:
        self.used: dict[str, None] = {}

    def text(self, node: Node) -> str:
        """Write an expression over the columns of a data frame."""
        return written(self._own(node))

    def _own(self, node: Node) -> Node:
        match node:
            case Number(value=value) if abs(value) == float("inf"):
                return Binary("/", Number(1.0 if value > 0 else -1.0), Number(0.0))
            case Constant(value=value) if value is not None:
                return Number(float(value))
            case Unary():
                return Unary(node.operator, self._own(node.operand))
            case Binary(operator="%in%"):
                return self._member(node)
            case Binary(operator="%like%"):
                words = self._helper("words", self._own(node.left))
                arguments = (Argument(node.right), Argument(words), Argument(Constant(True), "perl"))
                return Call("grepl", arguments)
            case Binary():
                return Binary(node.operator, self._own(node.left), self._own(node.right))
            case Call():
                return self._call(node)
            case _:
                return node

    def _member(self, node: Binary) -> Node:
        """Write `%in%`: a missing value is in a list where NA stands there; R tells NaN from NA."""
        left = self._own(node.left)
        if any(map(is_missing, members(node.right))):
            self.used["in_or_na"] = None
            return Call("in_or_na", (Argument(left), Argument(node.right)))
        return Binary("%in%", left, node.right)

    def _call(self, call: Call) -> Node:
        if call.function in ("l", "f", "d"):
            return self._lag(call)
        name, x = call.function, argument(call, "x") if call.function in FUNCTIONS_OF_X else None
        by = None if "by" not in parameters(name) or name == "ave" else self._by(argument(call, "by"))
        if name in _OVER and x is not None and by is not None:
            return self._helper("over", self._own(x), Text(_OVER[name]), by)
        if name == "count" and by is not None:
            return self._helper("over", Number(1.0), Text("sum"), by)
        if name in _RANKED and by is not None:
            given = [argument(call, p) for p in parameters(name) if p not in ("by", "type")]
            kind = argument(call, "type") if "type" in parameters(name) else None
            made = _OF_TYPE_2[name] if kind == Number(2.0) else _RANKED[name]
            return self._helper(made, *(self._own(g) for g in given if g is not None), by)
        if name in _ALONG and x is not None:
            return self._helper("along", self._own(x), Text(name))
        if name in _WINDOWS and x is not None:
            return self._helper("roll", self._own(x), argument(call, "n") or x, Text(_WINDOWS[name]))
        if name == "case_when":
            return self._cases(call)
        if name == "coalesce":
            parts = [self._own(n) for n in many(call)]
            return reduce(lambda rest, first: self._helper("known_or", first, rest), parts[-2::-1], parts[-1])
        if name == "cut" and x is not None:
            return self._cut(call, x)
        if name == "group":
            codes = [self._helper("code_of", self._own(n)) for n in many(call)]
            return reduce(lambda a, b: self._helper("code_pairs", a, b), codes)
        if name in _WORDS:
            return self._words(call)
        arguments = tuple(Argument(None if a.value is None else self._own(a.value), a.name) for a in call.arguments)
        if call.function in ("factor", "C", "I") and arguments[0].value is not None:
            return arguments[0].value
        helper = _HELPERS.get(call.function)
        if helper is not None:
            self.used[helper] = None
        return Call(helper or call.function, arguments)

    def _helper(self, name: str, *arguments: Node) -> Node:
        self.used[name] = None
        return Call(name, tuple(map(Argument, arguments)))

    def _by(self, by: Node | None) -> Node:
        """Return what forms groups: a column, or several pasted."""
        if by is None:
            return Number(1.0)
        return reduce(lambda a, b: self._helper("joint", a, b), map(self._own, joint_levels(by)))

    def _cases(self, call: Call) -> Node:
        default = argument(call, ".default")
        rest: Node = Constant(None) if default is None else self._own(default)
        for argument_ in reversed(call.arguments):
            case = argument_.value
            if isinstance(case, Binary) and argument_.name is None:
                rest = self._helper("where_holds", self._own(case.left), self._own(case.right), rest)
        return rest

    def _cut(self, call: Call, x: Node) -> Node:
        right = argument(call, "right") == Constant(True)
        arguments = [Argument(self._own(x)), Argument(argument(call, "breaks"))]
        return Call("findInterval", (*arguments, *([Argument(Constant(True), "left.open")] if right else [])))

    def _words(self, call: Call) -> Node:
        """Write what is pasted or cut into pieces as text first, numbers without an exponent."""
        numbers = parameters(call.function)[1:] if call.function == "substr" else ()
        given = match_arguments(call, FUNCTIONS[call.function])
        texts = [*given.many, *(a for n, a in given.given.items() if n == "x")]
        inside = [Argument(self._helper("words", self._own(a.value))) for a in texts if a.value is not None]
        inside += [Argument(given.given[n].value) for n in numbers]
        if call.function == "paste":
            inside.append(Argument(argument(call, "sep"), "sep"))
        return Call(call.function, tuple(inside))

    def _lag(self, call: Call) -> Node:
        helper = "change_by" if call.function == "d" else "lag_by"
        self.used[helper] = None
        x, k = argument(call, "x"), argument(call, "k")
        assert x is not None
        assert k is not None
        shift = number(k) * (-1 if call.function == "f" else 1)
        amount: Node = Number(shift) if shift >= 0 else Unary("-", Number(-shift))
        return Call(helper, (Argument(self._own(x)), Argument(amount)))


def write(script: Script) -> str:
    """Write a program that prints the estimate under every vcov."""
    values = RValues()
    derived, sample = list(_derived(script, values)), list(_sample(script, values))
    program = program_of(script, EXPORT)
    model = list(program.lines(script, values.used))
    called = functions(iter([*(step.node for step in script.steps), *script.where]))
    numbering = periods(script.step) if "periods" in values.used or called & IN_TIME else []
    lines = [
        *_head(script, program.needs),
        *numbering,
        *helpers(values.used),
        *section("The data", _data(script)),
        *section("New columns, on all rows", derived),
        *section("The sample", sample),
        *section("The regression", model),
    ]
    text = "\n".join(lines).rstrip() + "\n"
    return text if text.isascii() else f"{_LOCALE}\n{text}"


def _head(script: Script, needs: tuple[str, ...]) -> Iterator[str]:
    for line in script.about:
        yield f"# {comment(line)}".rstrip()
    files = (script.source, *script.source.joined)
    packages = [p for p in dict.fromkeys((*needs, *(_READERS.get(f.kind, ("", ""))[0] for f in files))) if p]
    yield f"# Needs R{' with ' if packages else ''}{', '.join(packages)}."
    yield ""
    if needs:
        yield from (f"library({name})" for name in needs)
        yield ""
    yield from data_files(script, "<-")
    yield ""


def _data(script: Script) -> Iterator[str]:
    files = (script.source, *script.source.joined)
    if any(file.kind in ("csv", "tsv", "xlsx") for file in files):
        yield f"MISSING <- {_MISSING}"
    if any(file.kind == "dta" for file in files):
        yield from _STATA_DATES
    yield from _file(script.source, "d", "DATA")
    if script.source.unit is not None:
        parts = ", ".join(f"d${n}" for n in script.source.parts)
        yield f'd${script.source.unit} <- paste({parts}, sep = "^")'
    for k, file in enumerate(script.source.joined, start=2):
        yield from _joined(file, f"DATA{k}")


def _file(source: DataFile, d: str, path: str) -> Iterator[str]:
    """Read a file into ``d``: the columns in use, under their safe names, as numbers or text."""
    delimited = source.kind in ("csv", "tsv")
    if delimited:
        texts = [f'{quoted(name)} = "character"' for name in source.texts]
        yield from listed("texts <- c(", texts, ")") if texts else ["texts <- NA  # none"]
        separator = ', sep = "\\t"' if source.kind == "tsv" else ""
        yield f"{d} <- read.csv({path}{separator}, check.names = FALSE, na.strings = MISSING, strip.white = TRUE,"
        yield f'              fileEncoding = "{_ENCODINGS[source.encoding]}", colClasses = texts)'
        yield f"names({d}) <- trimws(names({d}))"
    else:
        yield f"{d} <- as.data.frame({_READERS[source.kind][1].replace('DATA', path)})"
    if source.wide is not None:
        yield from _reshaped(source.wide, d)
    yield from listed(f"{d} <- {d}[c(", map(quoted, source.columns.values()), ")]")
    if any(new != old for new, old in source.columns.items()):
        yield from listed(f"names({d}) <- c(", (f'"{n}"' for n in source.columns), ")")
    yield f"{d} <- {d}[rowSums(!is.na({d})) > 0, , drop = FALSE]"
    for name in source.columns:
        if name in source.dates:
            yield f'{d}${name} <- format(as.Date({d}${name}), "%Y-%m-%d")'
        elif name in source.text and (delimited or source.kind == "xlsx"):
            yield f"{d}${name} <- trimws({d}${name})"
            yield f"{d}${name}[{d}${name} %in% MISSING] <- NA"
    yield from listed("numbers <- c(", (f'"{n}"' for n in source.columns if n not in source.text), ")")
    yield f"{d}[numbers] <- lapply({d}[numbers], {'stata_number' if source.kind == 'dta' else 'as.numeric'})"


def _reshaped(wide: WideFile, d: str) -> Iterator[str]:
    """Give a wide file a row per row and period, its columns still under the file's names."""
    yield "# the columns of a row per period, each with its names in the file by period"
    yield from listed("periods_of <- c(", map(plain_number, wide.periods), ")")
    yield "wide <- list("
    for k, (new, found) in enumerate(wide.columns.items(), start=1):
        names = (quoted(found[p]) if p in found else "NA" for p in wide.periods)
        yield from listed(f"  {quoted(new)} = c(", names, ")," if k < len(wide.columns) else ")")
    yield ")"
    yield from listed("kept <- c(", map(quoted, wide.kept), ")") if wide.kept else ["kept <- character(0)"]
    yield f"{d} <- {d}[rowSums(!is.na({d})) > 0, , drop = FALSE]"
    yield f"{d} <- do.call(rbind, lapply(seq_along(periods_of), function(k) {{"
    yield f"  part <- {d}[kept]"
    yield f"  part[[{quoted(wide.time)}]] <- rep(periods_of[k], nrow({d}))"
    yield "  for (name in names(wide)) {"
    yield "    of_file <- wide[[name]][k]"
    yield f"    part[[name]] <- if (is.na(of_file)) rep(NA, nrow({d})) else {d}[[of_file]]"
    yield "  }"
    yield "  part"
    yield "}))"
    yield f"{d} <- {d}[order(rep(seq_len(nrow({d}) / length(periods_of)), length(periods_of))), , drop = FALSE]"


def _joined(file: DataFile, path: str) -> Iterator[str]:
    """Join a file: every row of d takes the row with the same keys, or none."""
    yield ""
    yield from _file(file, "other", path)
    yield from listed("by <- c(", (f'"{name}"' for name in file.by), ")")
    yield "other <- other[complete.cases(other[by]), , drop = FALSE]  # a missing key has no partner"
    yield "stopifnot(!anyDuplicated(other[by]))"
    yield 'key <- function(x) do.call(paste, c(unname(as.list(x[by])), sep = "\r"))'
    yield "partner <- ifelse(complete.cases(d[by]), match(key(d), key(other)), NA)"
    yield f"stopifnot(sum(!is.na(partner)) == {file.partners})  # rows with a partner"
    added = [f'"{name}"' for name in file.columns if name not in file.by]
    yield from listed("added <- c(", added, ")")
    yield "d[added] <- other[partner, added, drop = FALSE]"


def _derived(script: Script, values: RValues) -> Iterator[str]:
    called = functions(iter([*(step.node for step in script.steps), *script.where]))
    if called & (IN_TIME | {"at", "first"}):
        yield f"unit <- d${script.unit}" if script.unit else "unit <- rep(0, nrow(d))"
    if called & IN_TIME:
        numbered = script.step not in (None, "year")
        time = f"d${script.time}" if script.time else "rep(0, nrow(d))"
        yield f"period <- periods({time})" if numbered and script.time else f"period <- {time}"
    if "first" in called and script.time:
        yield f"time <- d${script.time}"
    if script.matched is not None:
        yield from _matched(script.matched)
    for step in script.steps:
        values.used["num"] = None
        yield f"d${step.name} <- num(with(d, {values.text(step.node)}))  # {comment(step.comment)}"


def _matched(matched: MatchedUnits) -> Iterator[str]:
    for words in matched.words:
        yield f"# {comment(words)}"
    yield "# (written out, because a match depends on ties and last digits; `specdid` made it)"
    parts = []
    for k in range(len(matched.keys[0]) if matched.keys else 0):
        cells = [quoted(c) if isinstance(c := key[k], str) else plain_number(c) for key in matched.keys]
        yield from listed(f"matched_{k + 1} <- c(", cells, ")")
        parts.append(f"matched_{k + 1}")
    yield from listed("matched_weights <- c(", map(repr, matched.weights), ")")
    columns = [f"d${c}" for c in matched.by] or ["seq_len(nrow(d))"]
    yield f"found <- match(paste({', '.join(columns)}), paste({', '.join(parts)}))"
    yield "d$match_weight <- ifelse(is.na(found), 0, matched_weights[found])"


def _sample(script: Script, values: RValues) -> Iterator[str]:
    if script.matched is not None:
        yield "keep <- d$match_weight > 0"
    for position, condition in enumerate(script.where):
        before = "keep & " if position or script.matched is not None else ""
        yield f"keep <- {before}(with(d, {values.text(condition)}) != 0) %in% TRUE"
    if script.where or script.matched is not None:
        yield "d <- d[keep, , drop = FALSE]"
    yield f"# rows that are complete in all variables{script.but}; a clustering drops none"
    yield from listed("complete <- c(", (f'"{c}"' for c in script.complete), ")")
    if script.later:
        yield from listed("later <- c(", (f'"{c}"' for c in script.later), ")")
    every = "c(complete, later)" if script.later else "complete"
    yield f"for (x in {every}) if (is.numeric(d[[x]])) d[[x]][!is.finite(d[[x]])] <- NA"
    yield "d <- d[complete.cases(d[complete]), , drop = FALSE]"
    if script.weight and script.weight not in script.later:
        yield f"d <- d[d${script.weight} > 0, , drop = FALSE]"


EXPORT = Export("r", "R (fixest)", ".R", write)
