"""What the appendix is made from, and what it consists of before it is LaTeX, Markdown or Word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from specdid._describe.choices import Choices
from specdid._describe.curve_tests import CurveTests
from specdid._records import Family, NullShares, Results
from specdid._records.cautions import Against
from specdid.analyses._base import Bench, CellFit
from specdid.tables._base import PrintTable


@dataclass(frozen=True, slots=True)
class Picked:
    """A specification that is shown in full.

    Attributes
    ----------
    role : why: "Preferred", "Median"; several are joined
    place : in the plan
    rank, of : by estimate from the lowest, among those of its scale and estimand
    fit : its regression
    """

    role: str
    place: int
    rank: int
    of: int
    fit: CellFit = field(repr=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """Specifications that stand side by side; ``family`` is empty where the curve has no other."""

    family: str
    picked: tuple[Picked, ...]
    asked: bool = False


@dataclass(frozen=True, slots=True)
class AnalysisSection:
    """An analysis: its printed tables by file stem, its figures as (file stem, caption), or why there are none."""

    heading: str
    tables: tuple[tuple[str, PrintTable], ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What a run hands over.

    Attributes
    ----------
    name : the study's, for references
    bench : the study with its labels
    results : the records
    families : what of them can be compared with each other
    one_at_a_time : dimensions of which at most one leaves its first option
    null_shares : (scale or outcome, estimand) -> shares significant of the specifications tested,
        beside those expected under the first null
    tests : what every null says of the curve
    inference : their printed table
    choices : what choices do to the estimates, a family each
    selections : specifications shown in full
    analyses : in file order
    reasons : options with a type or a reason: (dimension, option, type, why)
    versions : software, by name
    figures : ending of the figures that can be included, "" where there is none
    against : what stands against the numbers
    notes : of figures that are drawn without title and note, by file stem
    others : such figures that the appendix itself leaves out, as (file stem, kind)
    rows : whether the figure of the curve has rows of choices
    """

    name: str
    bench: Bench = field(repr=False)
    results: Results = field(repr=False)
    families: tuple[Family, ...] = field(repr=False)
    one_at_a_time: tuple[str, ...] = ()
    null_shares: Mapping[tuple[str, str], NullShares] = field(default_factory=dict)
    tests: tuple[CurveTests, ...] = ()
    inference: PrintTable | None = None
    choices: tuple[Choices, ...] = ()
    selections: tuple[Selection, ...] = ()
    analyses: tuple[AnalysisSection, ...] = ()
    reasons: tuple[tuple[str, str, str, str], ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    figures: str = "pdf"
    against: Against = field(default_factory=Against)
    notes: Mapping[str, str] = field(default_factory=dict)
    others: tuple[tuple[str, str], ...] = ()
    rows: bool = True


@dataclass(frozen=True, slots=True)
class TableItem:
    """A printed table and the stem of its file; ``own`` where the appendix writes it."""

    stem: str
    table: PrintTable
    own: bool = False


@dataclass(frozen=True, slots=True)
class FigureItem:
    """A figure: its file, caption and label; its note where the file has none."""

    file: str
    caption: str
    label: str
    note: str = ""

    @property
    def stem(self) -> str:
        """The name of the file without its ending."""
        return self.file.rpartition(".")[0]


Items = tuple[TableItem | FigureItem, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the appendix; its account is (what of, sentences), read after the figures.

    Where tables and figures move (LaTeX), the parts of the paper's analyses are one section: ``analysis``.
    """

    heading: str
    items: Items
    text: tuple[str, ...] = ()
    account: tuple[tuple[str, str], ...] = ()
    analysis: bool = False

    @property
    def figures(self) -> tuple[FigureItem, ...]:
        """Its figures, in order."""
        return tuple(i for i in self.items if isinstance(i, FigureItem))

    @property
    def tables(self) -> tuple[TableItem, ...]:
        """Its tables, in order."""
        return tuple(i for i in self.items if isinstance(i, TableItem))

    @property
    def around(self) -> tuple[Items, Items]:
        """What stands before the account, and what after it."""
        return (self.figures, self.tables) if self.account else (self.items, ())


@dataclass(frozen=True, slots=True)
class Appendix:
    """The whole, ready to be written in any format.

    Where ``against`` says that the numbers must not be used, every part, table and figure says so.
    ``others`` are figures that no part has, for who wants to print them.
    """

    title: str
    parts: tuple[Part, ...]
    against: Against = field(default_factory=Against)
    others: tuple[FigureItem, ...] = ()

    @property
    def tables(self) -> tuple[TableItem, ...]:
        """Every table, in order."""
        return tuple(i for part in self.parts for i in part.tables)

    @property
    def figures(self) -> tuple[FigureItem, ...]:
        """Every figure: those of its parts in order, then the others."""
        return (*(i for part in self.parts for i in part.figures), *self.others)
