"""A specification as an R program: base R for the data, fixest for the regression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specdid._programs.names import comment, listed, quoted
from specdid._programs.script import POLY, MatchedUnits, Script
from specdid._programs.trees import (
    Argument,
    Binary,
    Call,
    Constant,
    Node,
    Number,
    Unary,
    functions,
    is_missing,
    members,
    number,
    plain_number,
)
from specdid.exports._base import Export, program_of
from specdid.language import argument
from specdid.language import write as written

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
    "first_time": ("on_rows",), "mean_by": ("on_rows",),
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


def helpers(used: Iterable[str]) -> list[str]:
    """Return the definitions of ``used`` and of what they need, each once."""
    wanted = set(used)
    for name in list(wanted):
        wanted |= set(_NEEDS.get(name, ()))
    return [text for name, text in HELPERS.items() if name in wanted]


def periods(step: str | None) -> list[str]:
    """Return the function that numbers periods so that a step is 1, where values do not do so themselves."""
    if step in (None, "year"):
        return []
    body = _PERIODS.get(str(step)) or f"floor(values / {float(str(step))!r} + 1e-6)"
    return [f"periods <- function(values) {body}  # a step is 1"]


_HELPERS = {
    "log": "log_na", "log10": "log10_na", "log1p": "log1p_na", "at": "at_cond", "first": "first_time",
    "ave": "mean_by", "scale": "scale_all", "center": "center_all", "winsorize": "winsorize", "trim": "trim",
    POLY: "poly_part",
}  # fmt: skip


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
        arguments = tuple(Argument(None if a.value is None else self._own(a.value), a.name) for a in call.arguments)
        if call.function in ("factor", "C", "I") and arguments[0].value is not None:
            return arguments[0].value
        helper = _HELPERS.get(call.function)
        if helper is not None:
            self.used[helper] = None
        return Call(helper or call.function, arguments)

    def _lag(self, call: Call) -> Node:
        helper = "change_by" if call.function == "d" else "lag_by"
        self.used[helper] = None
        x, k = argument(call, "x"), argument(call, "k")
        assert x is not None
        assert k is not None
        shift = number(k) * (-1 if call.function == "f" else 1)
        amount: Node = Number(shift) if shift >= 0 else Unary("-", Number(-shift))
        return Call(helper, (Argument(self._own(x)), Argument(amount)))


_MISSING = 'c("", "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A")'
_READERS = {
    "parquet": ("arrow", "arrow::read_parquet(DATA)"),
    "feather": ("arrow", "arrow::read_feather(DATA)"),
    "dta": ("haven", "haven::zap_labels(haven::read_dta(DATA))"),
    "xlsx": ("readxl", "readxl::read_excel(DATA, na = MISSING, guess_max = 1e6)"),
}
_ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8-BOM", "utf-16": "UTF-16", "gb18030": "GB18030"}


def write(script: Script) -> str:
    """Write a program that prints the estimate under every vcov."""
    values = RValues()
    derived, sample = list(_derived(script, values)), list(_sample(script, values))
    program = program_of(script, EXPORT)
    model = list(program.lines(script, values.used))
    called = functions(iter([*(step.node for step in script.steps), *script.where]))
    numbering = periods(script.step) if script.cohort or called & {"l", "f", "d"} else []
    lines = [
        *_head(script, program.needs),
        *numbering,
        *helpers(values.used),
        *_section("The data", _data(script)),
        *_section("New columns, on all rows", derived),
        *_section("The sample", sample),
        *_section("The regression", model),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _head(script: Script, needs: tuple[str, ...]) -> Iterator[str]:
    for line in script.about:
        yield f"# {comment(line)}".rstrip()
    package = _READERS.get(script.source.kind, ("", ""))[0]
    packages = [p for p in (*needs, package) if p]
    yield f"# Needs R{' with ' if packages else ''}{', '.join(packages)}."
    yield ""
    if needs:
        yield from (f"library({name})" for name in needs)
        yield ""
    yield f"DATA <- {quoted(script.source.path)}  # sha256 {script.source.sha256[:16]}"
    yield ""


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    content = list(lines)
    if content:
        yield ""
        yield f"# --- {title} ---"
        yield from content


def _data(script: Script) -> Iterator[str]:
    source = script.source
    delimited = source.kind in ("csv", "tsv")
    if delimited or source.kind == "xlsx":
        yield f"MISSING <- {_MISSING}"
    if delimited:
        texts = [f'{quoted(source.columns[n])} = "character"' for n in source.columns if n in source.text]
        yield from listed("texts <- c(", texts, ")") if texts else ["texts <- NA  # none"]
        separator = ', sep = "\\t"' if source.kind == "tsv" else ""
        yield f"d <- read.csv(DATA{separator}, check.names = FALSE, na.strings = MISSING, strip.white = TRUE,"
        yield f'              fileEncoding = "{_ENCODINGS[source.encoding]}", colClasses = texts)'
        yield "names(d) <- trimws(names(d))"
    else:
        yield f"d <- as.data.frame({_READERS[source.kind][1]})"
    yield from listed("d <- d[c(", map(quoted, source.columns.values()), ")]")
    if any(new != old for new, old in source.columns.items()):
        yield from listed("names(d) <- c(", (f'"{n}"' for n in source.columns), ")")
    yield "d <- d[rowSums(!is.na(d)) > 0, , drop = FALSE]"
    for name in source.columns:
        if name in source.dates:
            yield f'd${name} <- format(as.Date(d${name}), "%Y-%m-%d")'
        elif name in source.text and (delimited or source.kind == "xlsx"):
            yield f"d${name} <- trimws(d${name})"
            yield f"d${name}[d${name} %in% MISSING] <- NA"
    yield from listed("numbers <- c(", (f'"{n}"' for n in source.columns if n not in source.text), ")")
    yield "d[numbers] <- lapply(d[numbers], as.numeric)"


def _derived(script: Script, values: RValues) -> Iterator[str]:
    called = functions(iter([*(step.node for step in script.steps), *script.where]))
    if called & {"l", "f", "d", "at", "first"} and script.unit:
        yield f"unit <- d${script.unit}"
    if called & {"l", "f", "d"} and script.time:
        numbered = script.step not in (None, "year")
        yield f"period <- periods(d${script.time})" if numbered else f"period <- d${script.time}"
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
    yield "# rows that are complete in all variables, those of every clustering included"
    yield from listed("complete <- c(", (f'"{c}"' for c in script.complete), ")")
    yield "for (x in complete) if (is.numeric(d[[x]])) d[[x]][!is.finite(d[[x]])] <- NA"
    yield "d <- d[complete.cases(d[complete]), , drop = FALSE]"
    if script.weight:
        yield f"d <- d[d${script.weight} > 0, , drop = FALSE]"


EXPORT = Export("r", "R (fixest)", ".R", write)
