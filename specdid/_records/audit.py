"""What the audit found: how the reference agrees with the engine, and where it does not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One specification that the reference does not confirm.

    Attributes
    ----------
    spec_id, place : which it is; the place counts from 1, as ``index`` in results.csv.
    estimate, std_error : as reported; the error under ``vcov``.
    estimate_again, std_error_again : of the reference, NaN where it gave none.
    estimate_gap, se_gap : |Δβ| and |Δse| in reported standard errors, infinite where it gave none.
    vcov : the label of the vcov whose error differs most.
    cause : what is likely behind it, in words.
    """

    spec_id: str
    place: int
    estimate: float
    estimate_again: float
    std_error: float
    std_error_again: float
    estimate_gap: float
    se_gap: float
    vcov: str
    cause: str


@dataclass(frozen=True, slots=True)
class Audit:
    """How a plain call of the reference agreed with the engine on a random sample.

    Attributes
    ----------
    checked, eligible : how many of how many specifications were estimated again.
    estimate_gap, se_gap : the largest |Δβ| and |Δse|, in standard errors.
    limit : the largest gap that counts as agreement.
    reference : what estimated them again.
    disagreements : the specifications above the limit, in plan order.
    parts_again, parts_differing : parts of the nulls' draws that an earlier run left and that were drawn
        again, and those that came out otherwise.
    not_done : why nothing could be estimated again, empty where it could: neither agreement nor disagreement.
    """

    checked: int
    eligible: int
    estimate_gap: float
    se_gap: float
    limit: float = 1e-6
    reference: str = "pyfixest"
    disagreements: tuple[Disagreement, ...] = ()
    parts_again: int = 0
    parts_differing: int = 0
    not_done: str = ""

    @property
    def failed(self) -> bool:
        """Whether the results must not be used."""
        return bool(self.disagreements or self.parts_differing)

    @property
    def disagreeing(self) -> tuple[str, ...]:
        """The spec_ids of the disagreements; where there are any, the audit has failed."""
        return tuple(d.spec_id for d in self.disagreements)
