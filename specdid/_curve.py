"""The curve: the results of a run, with what tests, tables and warnings belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from specdid import _html
from specdid._records import Audit, Caution, Counts, JointTest, NullShares, Results, Section
from specdid._records.cautions import against
from specdid._words import speaking

if TYPE_CHECKING:
    import pandas as pd

    from specdid._describe.choices import Choices
    from specdid._describe.clusters import ClusterFacts
    from specdid._describe.curve_tests import CurveTests
    from specdid.analyses._base import Analysed


@dataclass(frozen=True, slots=True)
class Curve:
    """All fits and failures of a study, and what is drawn from them.

    In a notebook a curve shows itself: the account, the figure, key numbers, joint tests.

    Attributes
    ----------
    results
        The records as columns.
    draw, summarise, html
        What ``plot``, ``summary`` and a notebook call; the conductor hands
        them in, since figures and reports stand above the records.
    tests
        What every null says of the curve.
    choices
        What the choices do to the estimates, an entry per scale and estimand.
    clusters
        Clusters, leverage and the effective number of clusters of the preferred specification.
    analyses
        The tables of the paper's analyses, in file order.
    sections
        What inference and analyses add to the summary.
    audit
        None where nothing was audited.
    warnings
        What speaks against the numbers, worst first; the rows of warnings.csv.
    one_by_one
        Specifications that an estimator fitted one at a time.
    null_shares
        (scale or outcome, estimand) -> shares significant beside those expected without
        any effect, of the specifications that were tested; no share is printed without them.
    """

    results: Results
    draw: Callable[..., Any] = field(repr=False)
    summarise: Callable[[Curve], str] = field(repr=False)
    tests: tuple[CurveTests, ...] = ()
    choices: tuple[Choices, ...] = ()
    clusters: tuple[ClusterFacts, ...] = ()
    analyses: tuple[Analysed, ...] = ()
    sections: tuple[Section, ...] = ()
    audit: Audit | None = None
    warnings: tuple[Caution, ...] = ()
    one_by_one: int = 0
    null_shares: Mapping[tuple[str, str], NullShares] = field(default_factory=dict, repr=False)
    html: Callable[[Curve], str] | None = field(default=None, repr=False)
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def joint(self) -> tuple[JointTest, ...]:
        """The joint tests of all nulls, the rows of inference.csv."""
        return tuple(row for t in self.tests for row in t.tests)

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
        with speaking(self.results.planned.language):
            return self.draw(self.results, **{"cautions": self.warnings, **options})

    def summary(self) -> str:
        """Return what a reader must know, as Markdown: the text of details.md."""
        with speaking(self.results.planned.language):
            return self.summarise(self)

    def test(self) -> pd.DataFrame:
        """Return the joint tests of the run as a data frame, the rows of inference.csv.

        Returns
        -------
        pandas.DataFrame
            One row per null and statistic, the primary one of a null first: null, statistic,
            value, low and high (beyond them p <= .05), p_value, draws,
            role ("primary", "secondary"), direction ("expected" where estimates are times
            the sign expected of their outcome, else "estimated"), specifications (how many
            it is of), side (of 0: "above", "below"; of a share where most significant
            estimates lie, "both" where as many on either; "" where on neither). Without
            rows where the study ran no test: ``draws = 0``, no cluster, or nothing that
            may enter.
        """
        import pandas as pd

        own = [f.name for f in fields(JointTest) if f.name not in ("group", "estimand", "dropped")]
        names = ["statistic" if name == "kind" else name for name in own]
        return pd.DataFrame([{n: getattr(t, n) for n in names} for t in self.joint], columns=names)

    def __repr__(self) -> str:
        found = against(self.warnings)
        doubt = found.failed or found.verdict
        return f"<Curve {self.title!r}: {self.counts}{f'; {doubt}' if doubt else ''}>"

    def _repr_html_(self) -> str:
        if self.html is not None:
            with speaking(self.results.planned.language):
                return self.html(self)
        return f"<div>{_html.heading(self.title)}{_html.preformatted(self.summary())}</div>"
