"""Every dimension from its table, from [study], from the formula, or by default.

``[study] formula``: one text that stands for outcomes, treatment, controls and fixed effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from specdid import language
from specdid._columns import DIMENSIONS, OF_INSTRUMENTS, RESERVED
from specdid._decode.files import read_path
from specdid._decode.options import Options, WrittenOption, meta_of
from specdid._decode.table import Item, Log, Table, as_table, fixed, lines_of, part_of
from specdid._diagnostics import Origin
from specdid._format import VARIANT_OPTION, VCOV
from specdid._study import (
    INSTRUMENTS,
    Distribution,
    EstimatorOption,
    Expression,
    FormulaOption,
    Meta,
    OutcomeOption,
    Rule,
    SampleOption,
    TreatmentOption,
    Variant,
    VariantOption,
    VcovKind,
    VcovOption,
)
from specdid.language import FormulaParts, LanguageError
from specdid.language.check import Role
from specdid.language.functions import SAMPLE_PATTERNS
from specdid.language.tree import (
    Argument,
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Unary,
    chain,
    joined,
    joint_levels,
)

_Option = TypeVar("_Option")
HELP = 'a vcov is "iid", "hetero", "~a" or "~a + b"'
NOTHING_KNOWN: dict[str, Node] = {"value": Constant(None), "terms": Number(1.0)}


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The seven dimensions of every study."""

    outcome: tuple[OutcomeOption, ...]
    treatment: tuple[TreatmentOption, ...]
    controls: tuple[FormulaOption, ...]
    fixed_effects: tuple[FormulaOption, ...]
    sample: tuple[SampleOption, ...]
    weights: tuple[FormulaOption, ...]
    estimator: tuple[EstimatorOption, ...]


class DimensionReader:
    """Reads the dimensions of one study from their tables in ``top`` or from [study], whose values are ``found``."""

    def __init__(self, top: Table, study: Table, found: Mapping[str, Any], options: Options) -> None:
        self.study, self.options, self.found = study, options, found
        self.tables = {name: top.get(name) for name in (*DIMENSIONS, INSTRUMENTS, "vcov")}
        self.log = options.log
        self.formula: FormulaDimensions | None = None

    def read(self) -> Dimensions:
        """Read them all; what the formula stands for must not stand elsewhere as well.

        A dimension without a single option that is right takes its default, so that the
        data can be checked all the same.
        """
        scale, cohort, formula = (self.found[key] for key in ("scale", "cohort", "formula"))
        treatment = self._written("treatment", lambda row: self.options.treatment(row, cohort))
        if formula is not None:
            terms = tuple(t.term.tree for t in treatment or ())
            self.formula = split_formula(formula, terms, self.log)
        return Dimensions(
            self._outcome(scale),
            self._treatment(treatment, cohort),
            self._formulas("controls", Number(1.0)),
            self._formulas("fixed_effects", self._both_keys()),
            self._sample(),
            self._formulas("weights", Number(1.0), "unweighted"),
            self._estimator(),
        )

    def _written(self, name: str, make: Callable[[WrittenOption], _Option | None]) -> tuple[_Option, ...] | None:
        """Return the options that the file writes for a dimension; None where it writes none."""
        table, short = self.tables[name], self.found[name]
        if table is not None and short is not None:
            self._contradiction(short, f"`{name}` stands in [study] and as [{name}]")
        if table is not None:
            return self.options.named(name, table, make)
        if short is None:
            return None
        if not isinstance(short.value, str):
            help_ = self.log.as_text(short) or f"a list of options is a table of its own: [{name}]"
            self.log.wrong_type(short, "text", help_)
            return ()
        option = self.options.one(name, None, short, make)
        return () if option is None else (option,)

    def _outcome(self, scale: str | None) -> tuple[OutcomeOption, ...]:
        written = self._written("outcome", lambda row: self.options.outcome(row, scale))
        if self.formula is not None:
            self._twice("outcome")
            return tuple(OutcomeOption(None, y, scale, Meta(), y.origin) for y in self.formula.outcomes)
        if written is None and "formula" not in self.study:
            help_ = 'write [outcome] and below it "label" = "log(y)", or outcome = "log(y)" in [study]'
            self.study.missing("outcome", "no outcome is declared", help_)
        return written or ()

    def _treatment(
        self, written: tuple[TreatmentOption, ...] | None, cohort: Expression | None
    ) -> tuple[TreatmentOption, ...]:
        if written is None and self.formula is not None and self.formula.treatment is not None:
            term = self.formula.treatment
            return (TreatmentOption(None, term, None, cohort, None, Meta(), term.origin),)
        if written is None and "formula" not in self.study:
            help_ = 'write [treatment] and below it "label" = "d", or treatment = "d" in [study]'
            self.study.missing("treatment", "no treatment is declared", help_)
        return written or ()

    def _formulas(self, name: str, default: Node, label: str | None = None) -> tuple[FormulaOption, ...]:
        written = self._written(name, self.options.formula)
        in_formula: Expression | None = getattr(self.formula, name, None)
        if in_formula is not None:
            self._twice(name)
            return (FormulaOption(None, in_formula, Meta(), in_formula.origin),)
        if written:
            return written
        origin = Origin((name,))
        return (FormulaOption(label, fixed(default, origin), Meta(), origin),)

    def _twice(self, name: str) -> None:
        other = self.study.rows.get(name) or self.tables[name]
        if other is not None:
            self._contradiction(other, f"`{name}` stands here and in `formula`")

    def _contradiction(self, item: Item, message: str) -> None:
        self.log.add(item.key, "contradiction", message, "keep one of them")

    def _both_keys(self) -> Node:
        unit, time = self.found["unit"], self.found["time"]
        if unit is None or time is None:
            return Number(0.0)
        return joined([Name(unit), Name(time)])

    def _sample(self) -> tuple[SampleOption, ...]:
        written = self._written("sample", self.options.sample)
        if written:
            return written
        origin = Origin(("sample",))
        return (SampleOption("all", fixed(Constant(True), origin), None, Meta(), origin),)

    def _estimator(self) -> tuple[EstimatorOption, ...]:
        written = self._written("estimator", self.options.estimator)
        if written:
            return written
        return (EstimatorOption(None, "feols", {}, Meta(), Origin(("estimator",))),)

    def instruments(self) -> tuple[Variant, ...]:
        """Read [instruments] or its short form: a dimension whose options change what the others estimate."""
        written = self._written(INSTRUMENTS, self.options.formula)
        if not written:
            return ()
        options = []
        for o in written:
            given = None if o.formula.tree == Number(1.0) else o.formula
            label = o.label or o.formula.text
            options.append(VariantOption(label, {}, None, None, None, o.meta, o.origin, instruments=given))
        return (Variant(INSTRUMENTS, tuple(options), (self.tables[INSTRUMENTS] or self.found[INSTRUMENTS]).key),)

    def vcov(self) -> tuple[VcovOption, ...]:
        """Read [vcov] or its short form; by default errors are clustered by unit."""
        table, short = self.tables["vcov"], self.found["vcov"]
        if table is not None and short is not None:
            self._contradiction(short, "`vcov` stands in [study] and as [vcov]")
        if table is not None:
            return read_vcovs(table, self.log)
        if short is not None:
            option = read_vcov(short, None, self.log)
            return () if option is None else (option,)
        unit, origin = self.found["unit"], Origin(("vcov",))
        if unit is None:
            return (VcovOption(None, "hetero", (), "hetero", origin),)
        cluster = fixed(Name(unit), origin)
        return (VcovOption(None, "cluster", (cluster,), f"~{cluster.text}", origin),)


@dataclass(frozen=True, slots=True)
class FormulaDimensions:
    """What the formula says of each dimension; None where it says nothing."""

    outcomes: tuple[Expression, ...]
    treatment: Expression | None
    controls: Expression | None
    fixed_effects: Expression | None


def split_formula(formula: Expression, treatments: tuple[Node, ...], log: Log) -> FormulaDimensions | None:
    """Take a formula apart.

    Parameters
    ----------
    formula
        ``c(y1, y2) ~ treatment + controls | fixed effects``.
    treatments
        The treatment terms declared elsewhere: they are not controls. Without any the
        first term is the treatment.
    """
    try:
        parts = language.formula_parts(formula.tree)
    except LanguageError as error:
        log.problems(error.problems, formula.origin)
        return None
    return _dimensions(formula, parts, treatments, log)


def _dimensions(
    formula: Expression, parts: FormulaParts, treatments: tuple[Node, ...], log: Log
) -> FormulaDimensions | None:
    text, origin = formula.text, formula.origin
    summands = _summands(parts.right)
    first = None
    if not treatments:
        first = next((node for sign, node in summands if sign == "+" and not isinstance(node, Number)), None)
        if first is None:
            log.add(
                origin,
                "missing_key",
                "the formula has no treatment after `~`",
                "write `outcome ~ treatment + controls | fixed effects`",
                parts.right.span,
            )
            return None
    others = [(sign, node) for sign, node in summands if node is not first and node not in treatments]
    controls = None
    if others:
        whole = len(others) == len(summands)
        tree = parts.right if whole else _sum(others)
        controls = _expression(text, tree, origin, len(others) == 1 or whole)
    return FormulaDimensions(
        tuple(part_of(text, node, origin) for node in parts.outcomes),
        part_of(text, first, origin) if first is not None else None,
        controls,
        part_of(text, parts.effects, origin) if parts.effects is not None else None,
    )


def _expression(text: str, tree: Node, origin: Origin, written: bool) -> Expression:
    """Return a part that is written in one piece its own text; a rebuilt sum keeps the whole one."""
    return part_of(text, tree, origin) if written else Expression(text, tree, origin)


def _summands(node: Node) -> list[tuple[str, Node]]:
    """Return the operands of a chain of ``+`` and ``-`` with the sign before each."""
    found: list[tuple[str, Node]] = []
    while isinstance(node, Binary) and node.operator in {"+", "-"}:
        found.append((node.operator, node.right))
        node = node.left
    found.append(("+", node))
    return found[::-1]


def _sum(summands: list[tuple[str, Node]]) -> Node:
    sign, tree = summands[0]
    if sign == "-":
        tree = Unary("-", tree, tree.span)
    for operator, node in summands[1:]:
        tree = Binary(operator, tree, node, node.span)
    return tree


def read_vcovs(item: Item, log: Log) -> tuple[VcovOption, ...]:
    """Read [vcov]; the first is the one on the curve."""
    rows = lines_of(item, log, 'write [vcov] and below it "label" = "~column"')
    if item.value == {}:
        log.add(item.key, "missing_key", "[vcov] has no options", HELP)
    options = [read_vcov(inner, log.label(inner), log) for inner in rows.values()]
    return tuple(o for o in options if o is not None)


def read_vcov(item: Item, label: str | None, log: Log) -> VcovOption | None:
    """Read one vcov."""
    if isinstance(item.value, str):
        return _option(item, label, item, "fixest", None, log)
    if not isinstance(item.value, dict):
        log.wrong_type(item, "text or a table", HELP)
        return None
    table = Table(item, log, VCOV, f"the vcov option `{label}`" if label else "`vcov`")
    found = table.read(formula=lambda inner: inner)
    if found["formula"] is None:
        return None
    return _option(item, label, found["formula"], found["ssc"], found["distribution"], log)


def _option(
    item: Item, label: str | None, formula: Item, ssc: Rule, distribution: Distribution | None, log: Log
) -> VcovOption | None:
    """Read the formula of a vcov; ``item`` is the whole."""
    read = _formula(formula, log)
    if read is None:
        return None
    kind, clusters, text = read
    more = [] if ssc == "fixest" else [f"ssc {ssc}"]
    text = ", ".join([text, *more, *([distribution] if distribution else [])])
    return VcovOption(label, kind, clusters, text, item.key, ssc, distribution)


def _formula(item: Item, log: Log) -> tuple[VcovKind, tuple[Expression, ...], str] | None:
    """Read "iid", "hetero", "~a" or "~a + b": the kind, its clusters and the canonical text."""
    text = log.text(item, HELP)
    if text is None:
        return None
    if text in {"iid", "hetero"}:
        return cast("VcovKind", text), (), text
    if "~" not in text.lstrip()[:1]:
        log.add(item.origin, "bad_choice", f"no vcov `{text}`", HELP)
        return None
    return _clustered(text, item.origin, log)


def _clustered(text: str, origin: Origin, log: Log) -> tuple[VcovKind, tuple[Expression, ...], str] | None:
    try:
        tree = language.parse(text)
    except LanguageError as error:
        log.problems(error.problems, origin)
        return None
    if not isinstance(tree, Unary) or tree.operator != "~":
        log.add(origin, "bad_choice", "a vcov begins with `~`", HELP)
        return None
    names = chain(tree.operand, "+")
    problems = [p for name in names for part in joint_levels(name) for p in language.check(part, "names")]
    log.problems(problems, origin)
    if len(names) > 2:
        message = f"a vcov clusters by one or two columns, not {len(names)}"
        log.add(origin, "bad_choice", message, HELP, names[2].span)
    if problems or len(names) > 2:
        return None
    clusters = tuple(_joint(part_of(text, name, origin)) for name in names)
    return "cluster", clusters, "~" + language.write(tree.operand)


def _joint(cluster: Expression) -> Expression:
    """Return ``a^b`` as the group of both."""
    parts = joint_levels(cluster.tree)
    if len(parts) == 1:
        return cluster
    return replace(cluster, tree=Call("group", tuple(Argument(p) for p in parts), cluster.tree.span))


def read_variants(item: Item | None, options: Options) -> tuple[Variant, ...]:
    """Read the user's own dimensions in file order."""
    log = options.log
    hint = 'write [variant."name"] and below it "label" = { … }'
    found = []
    for inner in lines_of(item, log, hint).values():
        name = log.label(inner)
        if name in (*DIMENSIONS, *RESERVED, INSTRUMENTS, *(c.name for c in OF_INSTRUMENTS)):
            message = f"a variant cannot be called `{name}`, a column of the results"
            log.add(inner.key, "bad_name", message, "give it another name")
            continue
        rows = lines_of(inner, log, hint)
        if inner.value == {}:
            message = f'[variant."{name}"] has no options'
            log.add(inner.key, "missing_key", message, 'write "label" = { … } below it')
        read = tuple(_variant_option(option, name, options) for option in rows.values())
        found.append(Variant(name, tuple(o for o in read if o is not None), inner.key))
    return tuple(found)


SPLIT = "split"
"""The dimension that ``split`` and ``full_split`` of [study] make."""


def read_split(found: Mapping[str, Any], study: Table, variants: tuple[Variant, ...], log: Log) -> tuple[Variant, ...]:
    """Return the variants, first the dimension of one option per level that ``split`` or ``full_split`` makes."""
    written = [(key, item) for key in ("full_split", "split") if (item := study.get(key)) is not None]
    if len(written) == 2:
        log.add(written[1][1].key, "contradiction", "`split` and `full_split` say two things", "keep one of them")
    elif written and (other := next((v for v in variants if v.name == SPLIT), None)):
        message = f"`{written[0][0]}` in [study] makes the dimension `split` too"
        log.add(other.origin, "contradiction", message, "call this one otherwise")
        return variants
    key, item = written[0] if written else ("split", study.item)
    read: Expression | None = found[key]
    if read is None:
        return variants
    patterned = any(isinstance(n, Call) and n.function in SAMPLE_PATTERNS for n in chain(read.tree, "&"))
    where = read if patterned else replace(read, tree=Call("each", (Argument(read.tree),), read.tree.span))
    parts = VariantOption("", {}, None, None, where, Meta(), item.key)
    whole = VariantOption("all rows", {}, None, None, None, Meta(), item.key)
    return (Variant(SPLIT, (whole, parts) if key == "full_split" else (parts,), item.key), *variants)


def _variant_option(item: Item, variant: str, options: Options) -> VariantOption | None:
    log = options.log
    label = log.label(item)
    hint = 'write { where = "…" }, { add = "…" }, { absorb = "…" } or { derive = { … } }; {} changes nothing'
    table = as_table(item, log, VARIANT_OPTION, f"the {variant} option `{label}`", hint)
    if table is None:
        options.unread.add((variant, label))
        return None
    unread: set[tuple[str, str]] = set()
    found = table.read(
        derive=lambda inner: read_definitions(inner, log, "derive", "value", unread),
        data=lambda inner: read_path(inner, options.directory, log),
    )
    if unread or any(key in table and found[key] is None for key in ("add", "absorb", "where", "data")):
        options.unread.add((variant, label))
    data: Path | None = found["data"]
    if data is not None and found["derive"]:
        message = f"{table.title} has `data` and `derive`: which comes first?"
        help_ = "derive in [derive], or in a variant of its own below this one"
        log.add(table.origin("derive") or item.key, "contradiction", message, help_)
        options.unread.add((variant, label))
    parts = (found["add"], found["absorb"], found["where"], meta_of(found), item.key)
    return VariantOption(label, found["derive"], *parts, data, table.origin("data"))


def read_definitions(
    item: Item | None, log: Log, title: str, role: Role, unread: set[tuple[str, str]]
) -> Mapping[str, Expression]:
    """Read ``name = expression`` of [derive] and [macros].

    A name whose expression is wrong is defined all the same, as nothing, and noted in ``unread``,
    so that its uses are not reported as well.
    """
    found: dict[str, Expression] = {}
    for inner in lines_of(item, log, f'write [{title}] and below it name = "…"').values():
        name = _defined_name(inner.key.path[-1], inner, log, title)
        expression = log.expression(inner, role)
        if expression is None:
            unread.add((title, name))
        found.setdefault(name, expression or fixed(NOTHING_KNOWN[role], inner.origin))
    return found


def _defined_name(key: str, item: Item, log: Log, title: str) -> str:
    if title == "macros" and key.startswith(".."):
        name = key.lstrip(".")
        log.add(item.key, "bad_name", f"a macro is defined without its dots: `{key}`", f"write {name} = …")
        return name
    try:
        node = language.parse(key)
    except LanguageError:
        node = None
    if isinstance(node, Name):
        return node.name
    log.add(
        item.key,
        "bad_name",
        f"`{key}` is no name",
        'a name is letters, digits, `.` and `_`; in backticks it may be anything: "`so2 (t)`" = …',
    )
    return key


def read_labels(item: Item | None, log: Log) -> tuple[Mapping[str, str], Mapping[str, Origin]]:
    """Read [labels]: column or term -> the words shown for it, and -> where it is written."""
    rows = lines_of(item, log, '[labels] has lines column = "words"')
    items = {inner.key.path[-1]: inner for inner in rows.values()}
    texts = {key: log.words(inner) for key, inner in items.items()}
    found = {key: text for key, text in texts.items() if text is not None}
    return found, {key: items[key].key for key in found}
