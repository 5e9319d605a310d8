"""The study: the frozen mirror of one spec file, decoded and parsed, not yet checked against data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from unicodedata import normalize

from specdid import _html
from specdid._columns import DIMENSIONS as DIMENSIONS
from specdid._columns import Core as Core
from specdid._diagnostics import Document, Fault, Origin
from specdid.language.tree import Node

OptionType = Literal["equivalent", "nonequivalent", "uncertain"]
VcovKind = Literal["iid", "hetero", "cluster"]
Rule = Literal["fixest", "reghdfe", "areg", "lsdv", "glm", "none"]
Distribution = Literal["t", "normal"]
RULES: tuple[Rule, ...] = get_args(Rule)
"""Small-sample corrections of a variance; `engine.ssc` defines each."""
DISTRIBUTIONS: tuple[Distribution, ...] = get_args(Distribution)
Direction = Literal["negative", "positive"]
UNIT = "unit"
"""The column that several columns of [study] ``unit`` make."""
STATISTICS = ("median t", "median estimate", "share significant, dominant sign", "Stouffer's Z")
"""The joint statistics of a curve by their names in inference.csv; median estimates are one per scale and estimand."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A text of the spec in the formula language, its parse tree and where it stands.

    The spans of ``tree`` count characters of ``text``, of which it may be only a part.
    """

    text: str
    tree: Node
    origin: Origin


@dataclass(frozen=True, slots=True)
class Meta:
    """What every option may carry beside its content."""

    type: OptionType | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class OutcomeOption:
    label: str | None  # None: written without a label, so labelled by its expression
    formula: Expression
    scale: str | None
    meta: Meta
    origin: Origin
    expect: Direction | None = None  # of the effect, before anything was estimated


@dataclass(frozen=True, slots=True)
class Never:
    """[study] never: which cohorts mean never treated, beside +inf and those after the last period.

    ``values`` are written as time is; ``empty`` says that an empty cohort is one of them.
    """

    values: tuple[float, ...] = (0.0,)
    empty: bool = False

    @property
    def text(self) -> str:
        """Write it as the file does."""
        if self.values == (0.0,):
            return '"empty"' if self.empty else '"default"'
        return "[" + ", ".join([*(f"{v:.15g}" for v in self.values), *(['"empty"'] if self.empty else [])]) + "]"


@dataclass(frozen=True, slots=True)
class TreatmentOption:
    label: str | None
    term: Expression  # may be stepwise
    with_: Expression | None
    cohort: Expression | None
    estimand: str | None
    meta: Meta
    origin: Origin
    arm: str | None = None  # of a factor: "b against control"


@dataclass(frozen=True, slots=True)
class FormulaOption:
    """An option of controls, fixed_effects or weights."""

    label: str | None
    formula: Expression
    meta: Meta
    origin: Origin


@dataclass(frozen=True, slots=True)
class Match:
    """``match = {…}`` of a sample; the numbers are as written, None where not written.

    Weights that come out are MatchIt's: 1 for the treated, with mean 1 over the matched controls.
    """

    on: Expression
    treated: Expression | None
    at: Expression | None
    method: str
    ratio: int | None
    replace: bool | None
    caliper: float | None
    caliper_sd: float | None
    bandwidth: float | None
    exact: Expression | None
    origin: Origin
    common_support: bool | None = None
    name: str | None = None  # of the [match] it is written in


@dataclass(frozen=True, slots=True)
class SampleOption:
    label: str | None
    where: Expression
    match: Match | None
    meta: Meta
    origin: Origin
    pattern: Expression | None = None  # that this sample was written out of


@dataclass(frozen=True, slots=True)
class EstimatorOption:
    label: str | None
    method: str
    options: Mapping[str, object]
    meta: Meta
    origin: Origin


@dataclass(frozen=True, slots=True)
class VariantOption:
    """What an option of a user's dimension changes in everything else."""

    label: str
    derive: Mapping[str, Expression]
    add: Expression | None
    absorb: Expression | None
    where: Expression | None
    meta: Meta
    origin: Origin
    data: Path | None = None  # a file in place of the study's own
    data_origin: Origin | None = None
    pattern: Expression | None = None  # that ``where`` was written out of
    instruments: Expression | None = None  # of the treatment: an option of [instruments]


INSTRUMENTS = "instruments"
"""The dimension that [instruments] makes, the first of those that change something in all others."""


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    options: tuple[VariantOption, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class VcovOption:
    label: str | None
    kind: VcovKind
    clusters: tuple[Expression, ...]  # one or two, of names
    text: str  # canonical: "iid", "~city_id + year", "~city_id, ssc areg, normal"
    origin: Origin
    ssc: Rule = "fixest"
    distribution: Distribution | None = None  # None: the estimator's own

    @property
    def name(self) -> str:
        """The label, or what stands in the file."""
        return self.label or self.text


@dataclass(frozen=True, slots=True)
class Selector:
    """One value of a selector: a text (label or formula), or terms it has and lacks."""

    text: str | None
    has: Expression | None
    lacks: Expression | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Exclusion:
    when: Mapping[str, tuple[Selector, ...]]
    unless: Mapping[str, tuple[Selector, ...]]
    because: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class TieRow:
    """Options that belong together: for each dimension of a tie what is meant of it, crossed within the row."""

    cells: tuple[tuple[Selector, ...], ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Tie:
    """[[together]]: dimensions of which only the combinations in ``rows`` are planned."""

    dimensions: tuple[str, ...]
    rows: tuple[TieRow, ...]
    because: str | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Inference:
    """[inference]; ``written`` is False where the file has no such table."""

    alpha: float = 0.05
    draws: int = 999
    null: tuple[str, ...] = ("wild",)
    cluster: Expression | None = None
    assign: Expression | None = None
    level: Expression | None = None
    strata: Expression | None = None
    written: bool = False
    origin: Origin = field(default_factory=lambda: Origin(("inference",)))
    primary: str = STATISTICS[0]
    draws_origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class RunOptions:
    jobs: int = -1
    backend: str = "loky"
    limit: int = 2_000_000
    limit_origin: Origin | None = None


NARROWEST, WIDEST = 2.0, 100.0
"""Inches: a figure that is narrower has no room for its axes."""


@dataclass(frozen=True, slots=True)
class FigureOptions:
    sort: str = "estimate"
    formats: tuple[str, ...] = ("pdf", "png", "svg")
    width: float | None = None


@dataclass(frozen=True, slots=True)
class AppendixOptions:
    """[appendix]: specifications shown in full beside the usual ones, and the formats written."""

    show: tuple[tuple[str, Origin], ...] = ()
    formats: tuple[str, ...] = ("tex", "md")
    reference: Path | None = None  # whose styles appendix.docx has
    reference_at: Origin | None = None


@dataclass(frozen=True, slots=True)
class AnalysisTable:
    """One table of an analysis, raw: the analysis plug-in decodes ``values``.

    ``values`` holds TOML values; ``origins`` gives the origin of every value below the
    table by its key path, e.g. ``("groups", "small")`` or ``("window", "[0]")``; ``keys``
    gives that of its key; ``origin`` is that of the table's header.
    """

    kind: str  # "event_study"
    name: str | None  # [event_study."by batch"]
    values: Mapping[str, object]
    origins: Mapping[tuple[str, ...], Origin]
    origin: Origin
    keys: Mapping[tuple[str, ...], Origin] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """What the names of its files begin with."""
        return file_stem(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class WideColumns:
    """Columns of a wide file that become one: those called ``before``, a period, ``after``."""

    name: str
    before: str
    after: str
    text: str  # as written: "gdp_{year}"
    origin: Origin


@dataclass(frozen=True, slots=True)
class Reshape:
    """``reshape = {…}``: a file with a column per period is read with a row per period."""

    time: str
    columns: tuple[WideColumns, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class JoinedFile:
    """[data."name"]: a further file, of which every row of the study takes the row with the same keys.

    ``by`` are pairs of a column of the study's data and the file's column that holds the same.
    """

    name: str
    file: Path
    by: tuple[tuple[str, str], ...]
    suffix: str | None
    reshape: Reshape | None
    origin: Origin
    file_origin: Origin
    by_origin: Origin


def file_stem(kind: str, name: str | None) -> str:
    """Return an analysis's file name: ``table_Table_3``; letters of any script stay, composed as NFC."""
    if name is None:
        return kind
    return re.sub(r"[^\w-]", "_", f"{kind}_{unicodedata.normalize('NFC', name)}")


@dataclass(frozen=True, slots=True)
class Study:
    """One spec file, read and validated in its shape.

    ``warnings`` are faults of severity warning met on reading; ``given_name`` is [study] name;
    ``unread`` names what the file has and could not be read: (dimension or table, label or key).
    """

    document: Document | None
    stem: str
    title: str
    data: Path | None
    data_origin: Origin | None
    unit: str | None
    time: str | None
    step: str | None
    unit_origin: Origin | None
    time_origin: Origin | None
    seed: int
    missing: Literal["listwise", "common"]
    never: Never
    one_at_a_time: tuple[tuple[str, Origin], ...]
    derive: Mapping[str, Expression]
    macros: Mapping[str, Expression]
    outcome: tuple[OutcomeOption, ...]
    treatment: tuple[TreatmentOption, ...]
    controls: tuple[FormulaOption, ...]
    fixed_effects: tuple[FormulaOption, ...]
    sample: tuple[SampleOption, ...]
    weights: tuple[FormulaOption, ...]
    estimator: tuple[EstimatorOption, ...]
    variants: tuple[Variant, ...]
    vcov: tuple[VcovOption, ...]
    exclude: tuple[Exclusion, ...]
    preferred: Mapping[str, tuple[Selector, ...]]
    inference: Inference
    run: RunOptions
    figure: FigureOptions
    labels: Mapping[str, str]
    analyses: tuple[AnalysisTable, ...]
    warnings: tuple[Fault, ...] = ()
    label_origins: Mapping[str, Origin] = field(default_factory=dict)  # of the keys of [labels]
    appendix: AppendixOptions = AppendixOptions()
    given_name: str | None = None
    unread: frozenset[tuple[str, str]] = frozenset()
    together: tuple[Tie, ...] = ()
    reshape: Reshape | None = None  # of the data file
    files: tuple[JoinedFile, ...] = ()
    base: Document | None = None  # the spec file that this one extends
    matches: Mapping[str, Match] = field(default_factory=dict)  # [match], by name
    language: str = "en"  # of outputs
    settings: Mapping[str, str] = field(
        default_factory=dict
    )  # what the file says, by key, but for how it is run and drawn
    unit_columns: tuple[str, ...] = ()  # where the unit is made of several columns: those; ``unit`` is then UNIT

    @property
    def unit_parts(self) -> tuple[str, ...]:
        """Return the data's columns that tell units; none in repeated cross-sections."""
        return self.unit_columns or (() if self.unit is None else (self.unit,))

    @property
    def name(self) -> str:
        """Return what its directory and its LaTeX labels are called, by default the spec file's stem.

        In Unicode's composed form (NFC), so that one name is one directory on every system.
        """
        return normalize("NFC", self.given_name or self.stem)

    @property
    def written(self) -> dict[str, tuple[str, ...]]:
        """Return the options of every dimension as the file has them, before they expand."""
        found = {name: _written(getattr(self, name)) for name in DIMENSIONS}
        return found | {v.name: _written(v.options) for v in self.variants} | {"vcov": _written(self.vcov)}

    def __repr__(self) -> str:
        options = ", ".join(f"{name} {len(labels)}" for name, labels in self.written.items() if labels)
        return f"<Study {self.title!r}: {options}; {len(self.analyses)} analyses>"

    def _repr_html_(self) -> str:
        rows = [(name, f"{len(labels):,}", _html.shortened(labels)) for name, labels in self.written.items() if labels]
        data = f"data: {self.data.name}" if self.data else "data: given in Python"
        tail = f"{data}; {len(self.exclude)} exclusions; {len(self.analyses)} analyses"
        table = _html.table(("dimension", "options", "as written"), rows, texts=3)
        return f"<div>{_html.heading(self.title)}{table}{_html.paragraph(tail)}</div>"


Option = OutcomeOption | TreatmentOption | FormulaOption | SampleOption | EstimatorOption | VariantOption | VcovOption


def _written(options: Sequence[Option]) -> tuple[str, ...]:
    return tuple(o.label or _content(o) for o in options)


def _content(option: Option) -> str:
    """Return what an option without a label is called by."""
    match option:
        case TreatmentOption():
            return option.term.text
        case SampleOption():
            return option.where.text
        case EstimatorOption():
            return option.method
        case VcovOption():
            return option.text
        case VariantOption():
            return option.where.text if option.where else option.label
        case _:
            return option.formula.text
