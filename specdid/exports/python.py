"""A specification as a Python program: pandas for the data, pyfixest for the regression."""

from __future__ import annotations

from collections.abc import Iterator

from specdid._programs.names import (
    COMPARISONS,
    IN_TIME,
    comment,
    functions,
    given,
    is_constant,
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
from specdid.exports._python_helpers import helpers, periods
from specdid.language.functions import FUNCTIONS, BoundArguments, Parameter, match_arguments
from specdid.language.tree import Binary, Call, Constant, Name, Node, Number, Text, Unary, children, joint_levels, walk

_DIRECT = {
    "exp": "np.exp", "sqrt": "np.sqrt", "abs": "np.abs", "asinh": "np.arcsinh", "floor": "np.floor", "sign": "np.sign",
    "ceiling": "np.ceil",
}  # fmt: skip
_OWN = frozenset((
    "ifelse", "at", "first", "winsorize", "trim", "scale", "center", "log", "log1p", "log10", "between", "case_when",
    "coalesce", "cut", "ntile", "quantile_group", "quantile", "count", "cumsum", "cummax", "roll_mean", "roll_sum",
    "roll_sd", "growth", "interpolate", "carry_forward", "paste", "paste0", "substr", "tolower", "toupper", "trimws",
    "nchar", "parse_number", "group", "year", "month", "quarter",
))  # fmt: skip
_HELPERS = {
    **{name: name for name in _OWN}, "is.na": "is_missing", "is.finite": "is_finite", "ave": "average",
    POLY: "poly", DATE: "stata_date",
    "round": "rounded", "rank": "ranked", "mean": "mean_by", "median": "median_by", "min": "min_by", "max": "max_by",
    "sum": "sum_by", "sd": "sd_by",
}  # fmt: skip
"""Function -> what it is called in the program, which takes its arguments in their order."""
_NUMPY = {
    "+": "np.add", "-": "np.subtract", "*": "np.multiply", "/": "np.divide", "^": "np.float_power", "%%": "np.mod",
}  # fmt: skip
_ARITHMETIC = {"+": (6, "+"), "-": (6, "-"), "*": (7, "*"), "/": (7, "/"), "^": (9, "**"), "%%": (7, "%")}
_MISSING = '["", "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A"]'
_READERS = {
    "parquet": "pd.read_parquet(DATA)",
    "feather": "pd.read_feather(DATA)",
    "dta": "pd.read_stata(DATA, convert_categoricals=False, convert_dates=False)",
    "xlsx": "pd.read_excel(DATA, keep_default_na=False, na_values=MISSING)",
}

_CELL_TEXT = (
    "",
    "",
    "def cell_text(x):  # of a cell in a column of texts: numbers have up to 9 decimals, or all their digits",
    "    if pd.api.types.is_bool(x) or not pd.api.types.is_number(x):",
    "        return str(x).lower() if pd.api.types.is_bool(x) else str(x)",
    '    short = f"{x:.9f}".rstrip("0").rstrip(".")',
    '    return short if f"{float(short):.15g}" == f"{x:.15g}" else repr(float(x))',
    "",
    "",
)
"""What the text of a workbook's number is to the reader of specdid."""


class PythonValues:
    """Writes expressions, noting in ``used`` the helpers that they call."""

    def __init__(self) -> None:
        self.used: dict[str, None] = {}

    def text(self, node: Node, level: int = 0) -> str:
        """Write an expression; ``level`` is that of the operator around it."""
        match node:
            case Name():
                return f'd["{node.name}"]'
            case Number():
                return _number(node.value)
            case Text():
                return quoted(node.value)
            case Constant():
                return "np.nan" if node.value is None else str(float(node.value))
            case Unary(operator="!"):
                return self._call("negation", self.text(node.operand))
            case Unary():
                return _enclosed(f"{node.operator}{self.text(node.operand, 8)}", level > 8)
            case Binary():
                return self._binary(node, level)
            case Call():
                return self._function(node)
        raise TypeError(node)

    def holds(self, node: Node) -> str:
        """Write where a condition holds: missing is no."""
        return self._call("holds", self.text(node))

    def _call(self, helper: str, *arguments: str) -> str:
        self.used[helper] = None
        return f"{helper}({', '.join(arguments)})"

    def _binary(self, node: Binary, level: int) -> str:
        if node.operator in COMPARISONS:
            return self._comparison(node)
        if node.operator in ("&", "|"):
            helper = "both" if node.operator == "&" else "either"
            return self._call(helper, self.text(node.left), self.text(node.right))
        if node.operator == "%in%":
            return self._member(node)
        if node.operator == "%like%":
            return self._call("like", self.text(node.left), self.text(node.right))
        if node.operator == "%/%":
            return f"np.floor(np.divide({self.text(node.left)}, {self.text(node.right)}))"
        if not any(isinstance(n, Name) for n in walk(node)):  # Python's own numbers stop at 1 / 0
            return f"{_NUMPY[node.operator]}(1.0 * {self.text(node.left, 8)}, {self.text(node.right)})"
        own, sign = _ARITHMETIC[node.operator]
        left, right = (own + 1, own) if node.operator == "^" else (own, own + 1)
        return _enclosed(f"{self.text(node.left, left)} {sign} {self.text(node.right, right)}", own < level)

    def _comparison(self, node: Binary) -> str:
        operands = [n for n in (node.left, node.right) if not is_constant(n)]
        if not all(isinstance(n, Name) or is_missing(n) for n in operands):  # written once, however deep it is
            return self._call("compare", self.text(node.left), quoted(node.operator), self.text(node.right))
        result = f"{self.text(node.left, 6)} {node.operator} {self.text(node.right, 6)}"
        return self._call("known", result, *(self.text(n) for n in operands))

    def _member(self, node: Binary) -> str:
        values, missing = [], False
        for element in members(node.right):
            if is_missing(element):
                missing = True
            elif isinstance(element, Binary) and element.operator == ":":
                values.append(_range(number(element.left), number(element.right)))
            else:
                values.append(self.text(element))
        self.used["is_in"] = None
        extra = ", missing=True" if missing else ""
        return f"is_in({self.text(node.left)}, [{', '.join(values)}]{extra})"

    def _function(self, call: Call) -> str:
        name = call.function
        if name in ("I", "factor", "C"):
            return self.text(given(call, "x"))
        if name in _DIRECT:
            return f"{_DIRECT[name]}({self.text(given(call, 'x'))})"
        if name in ("pmin", "pmax"):
            return self._extreme("np.minimum" if name == "pmin" else "np.maximum", many(call))
        if name in ("l", "f", "d"):
            k = number(given(call, "k")) * (-1 if name == "f" else 1)
            return self._call("change" if name == "d" else "lag", self.text(given(call, "x")), _number(k))
        if name == SPLINE:
            x, *rest, inner, ends, part = many(call)
            knots = (f"[{', '.join(map(self.text, children(points)))}]" for points in (inner, ends))
            return self._call("spline", *map(self.text, (x, *rest)), *knots, self.text(part))
        if name in (POLY, DATE):
            return self._call(_HELPERS[name], *map(self.text, many(call)))
        return self._call(_HELPERS[name], *self._arguments(call))

    def _arguments(self, call: Call) -> Iterator[str]:
        """Write what is given, in the order of the parameters; what is named, and what forms groups, by name."""
        function = FUNCTIONS[call.function]
        matched = match_arguments(call, function)
        for argument in matched.many:
            node = argument.value
            if isinstance(node, Binary) and node.operator == "~":
                yield f"({self.text(node.left)}, {self.text(node.right)})"
            elif node is not None:
                yield self.text(node)
        for parameter in function.parameters:
            node = self._given(matched, parameter)
            if node is not None:
                word = parameter.name.strip(".")
                yield f"{word}={self._one(node, parameter)}" if parameter.named else self._one(node, parameter)

    def _given(self, matched: BoundArguments, parameter: Parameter) -> Node | None:
        found = matched.given.get(parameter.name)
        return parameter.default if found is None or found.value is None else found.value

    def _one(self, node: Node, parameter: Parameter) -> str:
        """Write one argument; ``by`` and breaks are lists."""
        if parameter.kind == "by":
            return f"[{', '.join(map(self.text, joint_levels(node)))}]"
        if parameter.kind == "breaks":
            return f"[{', '.join(map(self.text, children(node)))}]"
        return self.text(node)

    def _extreme(self, function: str, nodes: list[Node]) -> str:
        text = self.text(nodes[0])
        for node in nodes[1:]:
            text = f"{function}({text}, {self.text(node)})"
        return text


def _number(value: float) -> str:
    return plain_number(value) if abs(value) < float("inf") else ("np.inf" if value > 0 else "-np.inf")


def _range(first: float, last: float) -> str:
    if first == int(first) and last == int(last):
        step = 1 if last >= first else -1
        end = f"{int(last) + step}" + ("" if step > 0 else ", -1")
        return f"*range({int(first)}, {end})"
    step = 1 if last >= first else -1
    return f"*np.arange({_number(first)}, {_number(last + step * 1e-9)}, {step})"


def _enclosed(text: str, needed: bool) -> str:
    return f"({text})" if needed else text


def write(script: Script) -> str:
    """Write a program that ends with the names estimate and std_error (by label of the vcov)."""
    values = PythonValues()
    derived = list(_derived(script, values))
    sample = list(_sample(script, values))
    program = program_of(script, EXPORT)
    model = list(program.lines(script, values.used))
    body = [
        *section("The data", _data(script)),
        *section("New columns, on all rows", derived),
        *section("The sample", sample),
        *section("The regression", model),
        *section("The result", _result()),
    ]
    called = functions(iter([*(step.node for step in script.steps), *script.where]))
    numbering = periods(script.step) if "periods" in values.used or called & IN_TIME else ""
    head = [*_head(script, program.needs), (numbering + helpers(values.used)).strip("\n")]
    return "\n".join([*head, *body]).rstrip() + "\n"


def _head(script: Script, needs: tuple[str, ...]) -> Iterator[str]:
    for line in script.about:
        yield f"# {comment(line)}".rstrip()
    yield "# Needs Python with pandas and pyfixest 0.60."
    yield ""
    yield "import numpy as np"
    yield "import pandas as pd"
    yield from needs
    yield ""
    yield from data_files(script, "=")
    yield ""


def _data(script: Script) -> Iterator[str]:
    files = (script.source, *script.source.joined)
    if any(file.kind in ("csv", "tsv", "xlsx") for file in files):
        yield f"MISSING = {_MISSING}"
    if any(file.kind == "xlsx" and file.text - file.dates for file in files):
        yield from _CELL_TEXT
    yield from _file(script.source, "d", "DATA")
    source = script.source
    if source.unit is not None:
        parts = [f'd["{n}"]' + '.map("{:.15g}".format)' * (n not in source.text) for n in source.parts]
        yield f'd["{source.unit}"] = {""" + "^" + """.join(parts)}'
    for k, file in enumerate(script.source.joined, start=2):
        yield from _joined(file, f"DATA{k}")


def _file(source: DataFile, d: str, path: str) -> Iterator[str]:
    """Read a file into ``d``: the columns in use, under their safe names, as numbers or text."""
    if source.kind in ("csv", "tsv"):
        separator = ', sep="\\t"' if source.kind == "tsv" else ""
        yield from listed("texts = {", (f"{quoted(name)}: str" for name in source.texts), "}")
        yield f'{d} = pd.read_csv({path}{separator}, encoding="{source.encoding}", dtype=texts,'
        yield "                keep_default_na=False, na_values=MISSING, skipinitialspace=True)"
    else:
        yield f"{d} = {_READERS[source.kind].replace('DATA', path)}"
    if source.kind in ("csv", "tsv", "xlsx"):
        yield f"{d}.columns = {d}.columns{'.map(str)' * (source.kind == 'xlsx')}.str.strip()"
    if source.wide is not None:
        yield from _reshaped(source.wide, d)
    dropped = ']].dropna(how="all").reset_index(drop=True)'
    yield from listed(f"{d} = {d}[[", map(quoted, source.columns.values()), dropped)
    renamed = {new: old for new, old in source.columns.items() if new != old}
    if renamed:
        yield from listed(f"{d} = {d}.rename(columns={{", (f'{quoted(o)}: "{n}"' for n, o in renamed.items()), "})")
    for name in source.columns:
        if name in source.dates:
            yield f'{d}["{name}"] = pd.to_datetime({d}["{name}"]).dt.strftime("%Y-%m-%d")'
        elif name in source.text and source.kind in ("csv", "tsv", "xlsx"):
            texts = '.map(cell_text, na_action="ignore").astype(object)' * (source.kind == "xlsx")
            yield f'{d}["{name}"] = {d}["{name}"]{texts}.str.strip().mask(lambda x: x.isin(MISSING))'
    yield from listed("numbers = [", (f'"{n}"' for n in source.columns if n not in source.text), "]")
    yield f"{d}[numbers] = {d}[numbers].astype(float)"


def _reshaped(wide: WideFile, d: str) -> Iterator[str]:
    """Give a wide file a row per row and period, its columns still under the file's names."""
    yield "# period -> the columns of a row per period, each with its name in the file"
    yield "wide = {"
    for period in wide.periods:
        names = {new: found[period] for new, found in wide.columns.items() if period in found}
        yield from listed(
            f"    {plain_number(period)}: {{", (f"{quoted(n)}: {quoted(o)}" for n, o in names.items()), "},"
        )
    yield "}"
    yield from listed("kept = [", map(quoted, wide.kept), "]")
    yield f'{d} = {d}.dropna(how="all").reset_index(drop=True)'
    yield f"{d} = pd.concat(["
    made = f"{d}[kept].assign(**{{{quoted(wide.time)}: period, **{{new: {d}[old] for new, old in names.items()}}}})"
    yield f"    {made}"
    yield '    for period, names in wide.items()]).sort_index(kind="stable")'


def _joined(file: DataFile, path: str) -> Iterator[str]:
    """Join a file: every row of d takes the row with the same keys, or none."""
    yield ""
    yield from _file(file, "other", path)
    by = ", ".join(f'"{name}"' for name in file.by)
    yield f"other = other.dropna(subset=[{by}])  # a missing key has no partner"
    yield f'd = d.merge(other, how="left", on=[{by}], validate="m:1", indicator="_found")'
    yield f'assert (d.pop("_found") == "both").sum() == {file.partners}, "rows with a partner"'


def _keys(script: Script) -> Iterator[str]:
    """Keep unit and time as the data have them, for what goes along the panel."""
    called = functions(iter([*(step.node for step in script.steps), *script.where]))
    if called & (IN_TIME | {"at", "first"}):
        yield f'unit = d["{script.unit}"]' if script.unit else "unit = pd.Series(0, d.index)"
    if called & IN_TIME:
        numbered = script.step not in (None, "year")
        time = f'd["{script.time}"]' if script.time else "pd.Series(0, d.index)"
        yield f"period = periods({time})" if numbered and script.time else f"period = {time}"
    if "first" in called and script.time:
        yield f'time = d["{script.time}"]'


def _derived(script: Script, values: PythonValues) -> Iterator[str]:
    yield from _keys(script)
    if script.matched is not None:
        yield from _matched(script.matched)
    for step in script.steps:
        yield f'd["{step.name}"] = {values.text(step.node)}  # {comment(step.comment)}'


def _matched(matched: MatchedUnits) -> Iterator[str]:
    """Write the matched units and their weights out."""
    for words in matched.words:
        yield f"# {comment(words)}"
    yield "# (written out, because a match depends on ties and last digits; `specdid` made it)"
    yield "matched = {"
    for key, weight in zip(matched.keys, matched.weights, strict=True):
        cells = [quoted(c) if isinstance(c, str) else plain_number(c) for c in key]
        written = cells[0] if len(cells) == 1 else f"({', '.join(cells)})"
        yield f"    {written}: {weight!r},"
    yield "}"
    if not matched.by:
        yield 'd["match_weight"] = pd.Series(matched).reindex(np.arange(1, len(d) + 1)).fillna(0.0).to_numpy()'
    elif len(matched.by) == 1:
        yield f'd["match_weight"] = d["{matched.by[0]}"].map(matched).fillna(0.0)'
    else:
        columns = ", ".join(f'd["{c}"]' for c in matched.by)
        yield f'd["match_weight"] = [matched.get(key, 0.0) for key in zip({columns})]'


def _sample(script: Script, values: PythonValues) -> Iterator[str]:
    if script.matched is not None:
        yield 'keep = d["match_weight"] > 0'
    for position, condition in enumerate(script.where):
        sign = "keep &=" if position or script.matched is not None else "keep ="
        yield f"{sign} {values.holds(condition)}"
    if script.where or script.matched is not None:
        yield "d = d[keep]"
    yield f"# rows that are complete in all variables{script.but}; a clustering drops none"
    yield from listed("complete = [", (f'"{c}"' for c in script.complete), "]")
    yield "d = d.replace([np.inf, -np.inf], np.nan).dropna(subset=complete)"
    if script.weight and script.weight not in script.later:
        yield f'd = d[d["{script.weight}"] > 0]'
    yield "d = d.reset_index(drop=True)"
    yield 'assert len(d), "0 rows in the sample"'
    joint = {e.name: e.factors for e in (*script.fixed, *(e for e, _ in script.slopes)) if len(e.factors) > 1}
    for name, factors in joint.items():
        columns = ", ".join(f'"{f}"' for f in factors)
        yield f'd["{name}"] = d.groupby([{columns}]).ngroup()'


def _result() -> Iterator[str]:
    yield "for label, error in std_error.items():"
    yield '    print(f"{label}: {estimate:.10g} (standard error {error:.10g}, t = {estimate / error:.4f})")'


EXPORT = Export("python", "Python (pyfixest)", ".py", write)
