"""A specification as an R program: base R for the data, fixest for the regression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specdid._programs.names import comment, listed, quoted
from specdid._programs.script import MatchedUnits, Script
from specdid._programs.trees import functions, plain_number
from specdid.exports._base import Export, program_of
from specdid.exports._r_helpers import helpers, periods
from specdid.exports._r_values import RValues

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
