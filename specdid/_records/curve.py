"""The curve: the results of a run, with what tests, tables and warnings belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from specdid import _html
from specdid._records.audit import Audit
from specdid._records.cautions import Caution, against
from specdid._records.results import Counts, Results, statistic_name

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and lines of Markdown that a later stage adds to the summary.

    ``on_page``: report.html shows it, which has the rest of the summary in parts of its own.
    """

    title: str
    lines: tuple[str, ...]
    on_page: bool = False


@dataclass(frozen=True, slots=True)
class JointTest:
    """One row of inference.csv: a statistic of the whole curve and its distribution without any effect.

    Attributes
    ----------
    null, kind : how the draws were made, and of what.
    value : of the data.
    low, high : 2.5% and 97.5% points of the null.
    p_value : (1 + draws at least as far from zero) / (draws + 1).
    draws : how many.
    role : "primary" is the test that the study names as the one that counts; "secondary".
    direction : "expected" where estimates are times the sign expected of their outcome, so that a
        positive value lies in the expected direction; "estimated" where they are as they are.
    specifications : how many the statistic is of.
    group, estimand : the scale (or outcome) and estimand of a median, else empty.
    """

    null: str
    kind: str
    value: float
    low: float
    high: float
    p_value: float
    draws: int
    role: str = "secondary"
    direction: str = "estimated"
    specifications: int = 0
    group: str = ""
    estimand: str = ""

    @property
    def statistic(self) -> str:
        """The kind of statistic and what it is of, as inference.csv has it."""
        return statistic_name(self.kind, self.group, self.estimand)


@dataclass(frozen=True, slots=True)
class NullShares:
    """Shares significant of the specifications that a null tested, in the data and without any effect.

    Attributes
    ----------
    tested : how many specifications.
    negative, positive : shares with p < alpha and that sign, under the standard errors of the null.
    null_negative, null_positive : the mean of the same over the draws.
    errors : what the null's standard errors are clustered by, where the curve's are others.
    """

    tested: int
    negative: float
    positive: float
    null_negative: float
    null_positive: float
    errors: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """All fits and failures of a study, and what is drawn from them.

    In a notebook a curve shows itself: the account, the figure, key numbers, joint tests.

    Attributes
    ----------
    results : the records as columns.
    draw, summarise, html : what ``plot``, ``summary`` and a notebook call; the conductor hands
        them in, since figures and reports stand above the records.
    sections : what inference and analyses add to the summary.
    findings : their results, as records.
    audit : None where nothing was audited.
    warnings : what speaks against the numbers, worst first; the rows of warnings.csv.
    one_by_one : specifications that an estimator fitted one at a time.
    null_shares : (scale or outcome, estimand) -> shares significant beside those expected without
        any effect, of the specifications that were tested; no share is printed without them.
    joint : the joint tests of the curve, where [inference] asked for them.
    """

    results: Results
    draw: Callable[..., Any] = field(repr=False)
    summarise: Callable[[Curve], str] = field(repr=False)
    sections: tuple[Section, ...] = ()
    findings: tuple[object, ...] = ()
    audit: Audit | None = None
    warnings: tuple[Caution, ...] = ()
    one_by_one: int = 0
    null_shares: Mapping[tuple[str, str], NullShares] = field(default_factory=dict, repr=False)
    joint: tuple[JointTest, ...] = ()
    html: Callable[[Curve], str] | None = field(default=None, repr=False)
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def title(self) -> str:
        """The study's title."""
        return self.results.planned.title

    @property
    def counts(self) -> Counts:
        """Planned, ok, failed, excluded and duplicate specifications."""
        return self.results.counts

    @property
    def table(self) -> pd.DataFrame:
        """The rows of results.parquet as a pandas data frame, built on first use.

        Counts are pandas' nullable ``Int64``; absent numbers are NaN, absent text None.
        """
        if "table" not in self._cache:
            import pandas as pd
            import pyarrow as pa

            from specdid._records.write import arrow_table

            nullable = {pa.int64(): pd.Int64Dtype()}
            self._cache["table"] = arrow_table(self.results).to_pandas(types_mapper=nullable.get)
        return self._cache["table"]

    def plot(self, **options: Any) -> Any:
        """Draw the specification curve.

        Parameters
        ----------
        **options
            Those of the figure: ``sort`` (estimate, declared or a dimension), ``width`` in
            inches; by default those of [figure] in the study.

        Returns
        -------
        matplotlib.figure.Figure
            A new figure; neither rcParams nor pyplot's figures are touched.
        """
        return self.draw(self.results, **{"cautions": self.warnings, **options})

    def summary(self) -> str:
        """Give what a reader must know, as Markdown."""
        return self.summarise(self)

    def test(self) -> pd.DataFrame:
        """Give the joint tests of the run as a data frame, the rows of inference.csv.

        Returns
        -------
        pandas.DataFrame
            One row per null and statistic, the primary one of a null first: null, statistic,
            value, low and high (2.5% and 97.5% points without any effect), p_value, draws,
            role ("primary", "secondary"), direction ("expected" where estimates are times
            the sign expected of their outcome, else "estimated"), specifications (how many
            it is of). Without rows where the study ran no test: ``draws = 0``, no cluster,
            or nothing that may enter.
        """
        import pandas as pd

        own = [f.name for f in fields(JointTest) if f.name not in ("group", "estimand")]
        names = ["statistic" if name == "kind" else name for name in own]
        return pd.DataFrame([{n: getattr(t, n) for n in names} for t in self.joint], columns=names)

    def __repr__(self) -> str:
        found = against(self.warnings)
        doubt = found.failed or found.verdict
        return f"<Curve {self.title!r}: {self.counts}{f'; {doubt}' if doubt else ''}>"

    def _repr_html_(self) -> str:
        if self.html is not None:
            return self.html(self)
        return f"<div>{_html.heading(self.title)}{_html.preformatted(self.summary())}</div>"
