"""Parts of what is said of a curve: a joint test, shares significant beside a null's, a section of the summary."""

from __future__ import annotations

from dataclasses import dataclass

from specdid._records.results import statistic_name


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
    null : which null it is, in words.
    """

    tested: int
    negative: float
    positive: float
    null_negative: float
    null_positive: float
    errors: str = ""
    null: str = ""
