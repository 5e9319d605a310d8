"""A specification as a Stata program: reghdfe, ppmlhdfe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from specdid._programs.names import functions, is_safe, plain_number
from specdid._programs.script import DataFile, MatchedUnits, Script, WideFile
from specdid._programs.stata import INFINITY, filled, literal, numbered, printable, remark
from specdid.exports._base import Export, program_of, section
from specdid.exports._stata_values import StataValues

_ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "gb18030": "GB18030"}
_NUMERIC = """* a column that is numeric but for words that stand for missing, TRUE and FALSE
capture program drop numeric_column
program numeric_column
    args name
    capture confirm string variable `name'
    if _rc {
        recast double `name'
        exit
    }
    generate double _value = real(trim(`name'))
    replace _value = 1 if inlist(trim(`name'), "TRUE", "True", "true")
    replace _value = 0 if inlist(trim(`name'), "FALSE", "False", "false")
    drop `name'
    rename _value `name'
end"""
_RENAME = """* a column by its name in the file; of text and sheets Stata keeps a name that it cannot use, up to 80
* characters of it, as the variable's label, which in its own files may say anything
mata:
void name_column(string scalar wanted, string scalar name, real scalar labels)
{
    real scalar j
    string scalar header
    for (j = 1; j <= st_nvar(); j++) {
        header = labels & st_varlabel(j) != "" ? usubstr(wanted, 1, 80) : wanted
        if ((labels & st_varlabel(j) != "" ? strtrim(st_varlabel(j)) : st_varname(j)) == header) {
            st_varrename(j, name)
            return
        }
    }
    errprintf("the file lacks a column for " + name + "\\n")
    exit(error(111))
}
end"""
_QUANTILES = """* the quantiles p and 1 - p, interpolated as R's default does
mata:
real scalar type7(real colvector v, real scalar p)
{
    real scalar h, j
    h = (rows(v) - 1) * p + 1
    j = floor(h)
    return(v[j] + (h - j) * (v[min((j + 1, rows(v)))] - v[j]))
}
void tails(string scalar name, real scalar p)
{
    real colvector v
    v = st_data(., name)
    v = sort(select(v, v :< .), 1)
    st_numscalar("r(low)", type7(v, p))
    st_numscalar("r(high)", type7(v, 1 - p))
}
end
capture program drop quantiles
program quantiles, rclass
    args name p
    mata: tails("`name'", `p')
    return scalar low = r(low)
    return scalar high = r(high)
end"""


def write(script: Script) -> str:
    """Write a do-file that displays the estimate under every vcov."""
    files = (script.source, *script.source.joined)
    made = [script.source.unit] if script.source.unit is not None else []
    texts = frozenset(made).union(*(file.text | file.dates for file in files))
    values = StataValues(texts, script.unit, script.time)
    derived, sample = _derived(script, values), list(_sample(script, values))
    program = program_of(script, EXPORT)
    numbers, numbering = _numbers(script, values, program.numbered)
    model = list(program.lines(script, numbers))
    renamed = any(_renamed(script.source)) or len(files) > 1 or script.source.wide is not None
    blocks = [
        _NUMERIC,
        *([_RENAME] if renamed else []),
        *([_QUANTILES] if "quantiles" in values.used else []),
    ]
    lines = [
        *_head(script, (*program.needs, *(("ivreg2", "ivreghdfe", "ranktest") if script.instruments else ()))),
        *blocks,
        *section("The data", _data(script), "*"),
        *section("New columns, on all rows", [*_panel(script, values), *derived], "*"),
        *section("The sample", [*sample, *numbering], "*"),
        *section("The regression", model, "*"),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _head(script: Script, needs: tuple[str, ...]) -> Iterator[str]:
    for line in script.about:
        yield f"* {remark(line)}".rstrip()
    packages = ", ".join(needs)
    yield "* Needs Stata 16 or later" + (f" with {packages} (ssc install)." if packages else ".")
    yield ""
    yield "version 16"
    yield "clear all"
    yield "set varabbrev off"
    yield ""


def _renamed(source: DataFile) -> Iterator[tuple[str, str]]:
    for name, original in source.columns.items():
        if name != original or not is_safe(original):
            yield name, original


def _data(script: Script) -> Iterator[str]:
    source = script.source
    for k, file in enumerate(source.joined, start=2):
        yield from _joined(file, k)
    yield from _opened(source)
    if source.wide is not None:
        yield from _apart(source)
        yield "generate long _row = _n"
    else:
        yield "generate long _row = _n"
        for name, original in _renamed(source):
            yield _named(source, original, name)
        yield from _typed(source)
    if source.unit is not None:
        parts = ' + "^" + '.join(n if n in source.text else f'strofreal({n}, "%18.0g")' for n in source.parts)
        yield f"generate {source.unit} = {parts}"
    if script.unit:
        yield f"drop if missing({script.unit})"
    for k, file in enumerate(source.joined, start=2):
        yield f"merge m:1 {' '.join(file.by)} using `joined{k}', keep(master match) generate(_found)"
        yield "count if _found == 3  // rows with a partner"
        yield f"assert r(N) == {file.partners}"
        yield "drop _found"
        yield "sort _row"


def _named(source: DataFile, original: str, name: str) -> str:
    """Name a column by its name in the file; labels of a .dta file may be the names of its other columns."""
    return f'mata: name_column({literal(original)}, "{name}", {int(source.kind != "dta")})'


def _opened(source: DataFile) -> Iterator[str]:
    """Open a file."""
    path = source.path
    yield f"* sha256 {source.sha256[:16]}"
    if printable(path) != path:
        yield "* the path of the data holds characters that Stata would take for code: write it here"
        path = "data." + source.kind
    if source.kind in ("parquet", "feather"):
        yield f"* Stata does not read .{source.kind}: save the file as .csv beside it"
        path = path.removesuffix(source.kind) + "csv"
    if source.kind == "dta":
        yield f'use "{path}"'
    elif source.kind == "xlsx":
        yield f'import excel "{path}", firstrow case(preserve)'
    else:
        tab = ' delimiters("\\t")' if source.kind == "tsv" else ""
        encoding = _ENCODINGS[source.encoding]
        yield f'import delimited using "{path}", varnames(1) case(preserve) asdouble encoding("{encoding}"){tab}'


def _typed(source: DataFile) -> Iterator[str]:
    """Make columns numbers or trimmed text."""
    numbers = [n for n in source.columns if n not in source.text]
    yield from filled("foreach name in", numbers, " {")
    yield "    numeric_column `name'"
    yield "}"
    for name in source.columns:
        if name in source.text:
            yield f"replace {name} = trim({name})"
            yield f'replace {name} = "" if inlist({name}, "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A")'


def _apart(source: DataFile) -> Iterator[str]:
    """Keep the columns in use, reshaped where the file is wide; other columns' names may be those they get."""
    wide = source.wide
    made = {} if wide is None else wide.columns
    fixed = {f"_c{k}": name for k, name in enumerate(source.columns) if source.columns[name] not in made}
    for place, name in fixed.items():
        if wide is None or source.columns[name] != wide.time:
            yield _named(source, source.columns[name], place)
    stubs = {f"_w{k}_": original for k, original in enumerate(made, start=1)}
    for stub, original in stubs.items():
        for period, raw in made[original].items():
            yield _named(source, raw, f"{stub}{plain_number(period)}")
    if wide is None:
        yield f"keep {' '.join(fixed)}"
    else:
        yield from _long(source, wide, fixed, stubs)
    for place, name in fixed.items():
        yield f"rename {place} {name}"
    for stub, original in stubs.items():
        yield f"rename {stub} {next(n for n, o in source.columns.items() if o == original)}"
    yield from _typed(source)


def _long(source: DataFile, wide: WideFile, fixed: Mapping[str, str], stubs: Mapping[str, str]) -> Iterator[str]:
    """Reshape; of every variable there is a column of every period then, and of each period a column."""
    texts = {original for name, original in source.columns.items() if name in source.text}
    time = next((place for place, name in fixed.items() if source.columns[name] == wide.time), None)
    kept = [place for place in fixed if place != time]
    raw = [f"{stub}{plain_number(p)}" for stub, name in stubs.items() for p in wide.columns[name]]
    yield from filled("keep", [*kept, *raw], "")
    yield "generate long _line = _n"
    for period in map(plain_number, wide.periods):
        yield f"generate byte _w0_{period} = 0"
    for stub, name in stubs.items():
        for p in wide.periods:
            column = f"{stub}{plain_number(p)}"
            if p in wide.columns[name]:
                yield f"tostring {column}, replace" if name in texts else f"numeric_column {column}"
            else:
                yield f'generate str1 {column} = ""' if name in texts else f"generate double {column} = ."
    yield from filled("reshape long", ["_w0_", *stubs], ", i(_line) j(_period)")
    yield "sort _line _period"
    if time is not None:
        yield f"generate double {time} = _period"
    yield "drop _line _period _w0_"


def _joined(file: DataFile, k: int) -> Iterator[str]:
    """Save what is joined of a file: its keys, of which none is missing, and the columns in use."""
    yield from _opened(file)
    yield from _apart(file)
    yield f"drop if missing({', '.join(file.by)})  // a missing key has no partner"
    yield f"tempfile joined{k}"
    yield f"save `joined{k}'"
    yield "clear"


def _panel(script: Script, values: StataValues) -> Iterator[str]:
    if "panel" in values.used:
        yield f"egen long _unit = group({script.unit})"
        yield f"generate long _period = {numbered(script.time or '', script.step)}"
        yield "tsset _unit _period"


def _derived(script: Script, values: StataValues) -> list[str]:
    if script.matched is not None:
        values.lines += _matched(script.matched)
    for step in script.steps:
        values.lines.append(f"* {remark(step.comment)}")
        text = values.is_text(step.node)
        expression = values.text(step.node)
        values.lines.append(f"generate {'' if text else 'double '}{step.name} = {expression}")
        if text:
            values.texts.add(step.name)
    lines, values.lines = values.lines, []
    return lines


def _matched(matched: MatchedUnits) -> Iterator[str]:
    for words in matched.words:
        yield f"* {remark(words)}"
    yield "* (written out, because a match depends on ties and last digits; specdid made it)"
    yield "generate double match_weight = 0"
    groups: defaultdict[tuple[object, ...], list[float | str]] = defaultdict(list)
    for key, weight in zip(matched.keys, matched.weights, strict=True):
        groups[(weight, *key[1:])].append(key[0])
    names = matched.by or ("_row",)
    for (value, *rest), firsts in groups.items():
        others = "".join(f" & {name} == {_cell(c)}" for name, c in zip(names[1:], rest, strict=True))
        size = 8 if isinstance(firsts[0], str) else 12
        for start in range(0, len(firsts), size):
            cells = ", ".join(_cell(c) for c in firsts[start : start + size])
            yield f"replace match_weight = {value!r} if inlist({names[0]}, {cells}){others}"


def _cell(value: object) -> str:
    return literal(value) if isinstance(value, str) else plain_number(float(str(value)))


def _sample(script: Script, values: StataValues) -> Iterator[str]:
    conditions = ["match_weight > 0"] if script.matched is not None else []
    conditions += [values.true(condition) for condition in script.where]
    yield from values.lines
    values.lines = []
    if conditions:
        yield f"generate byte _keep = {' & '.join(conditions)}"
        yield "keep if _keep"
    yield f"* rows that are complete in all variables{script.but}; a clustering drops none"
    yield from filled("foreach name in", list(script.complete), " {")
    yield "    drop if missing(`name')"
    yield "}"
    if "first" in functions(iter([*(s.node for s in script.steps), *script.where])):
        numeric = [c for c in script.complete if c not in values.texts]
        yield from filled("foreach name in", numeric, " {")
        yield f"    drop if abs(`name') == {INFINITY}  // stands for infinity"
        yield "}"
        if script.later:
            yield from filled("foreach name in", [c for c in script.later if c not in values.texts], " {")
            yield f"    replace `name' = . if abs(`name') == {INFINITY}"
            yield "}"
    if script.weight and script.weight not in script.later:
        yield f"keep if {script.weight} > 0"


def _numbers(script: Script, values: StataValues, every: bool) -> tuple[dict[str, str], list[str]]:
    """Return numbered twins of text and of what has several parts, or of ``every`` level, and their lines."""
    numbers, lines = {}, []
    joint = [*script.fixed, *(e for e, _ in script.slopes)]
    for levels in joint:
        if len(levels.factors) > 1 and levels.name not in numbers:
            numbers[levels.name] = levels.name
            lines.append(f"egen long {levels.name} = group({' '.join(levels.factors)})")
    single = [e.factors[0] for e in joint if len(e.factors) == 1]
    sloped = {e.name for e, _ in script.slopes}
    for name in dict.fromkeys([*single, *(c for e in script.errors for c in e.clusters)]):
        if name in values.texts or name in sloped or every:
            numbers[name] = f"_g_{name}"
            lines.append(f"egen long _g_{name} = group({name})")
    return numbers, lines


EXPORT = Export("stata", "Stata (reghdfe, ppmlhdfe)", ".do", write)
