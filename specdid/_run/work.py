"""What a run will do, counted from its plan, and about how long each part takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specdid import _plugins
from specdid._run.infer import cluster_codes
from specdid._run.prepare import Prepared
from specdid.engine.batches import Cost
from specdid.engine.compile import Compiled
from specdid.inference._base import Context
from specdid.inference._permutation_strategy import split
from specdid.inference.permutation_refit import DRAWS as REFITS
from specdid.inference.permutation_refit import within_budget

AUDITED = 25
SECONDS = {
    "start": 1.0,
    "pyfixest": 2.3,
    "draws": 2.5e-6,
    "draws_sunab": 3.0e-5,
    "anew": 8.0e-4,
    "anew_sunab": 1.6e-3,
    "refits": 0.03,
    "audit": 0.03,
    "analyses": 0.2,
    "pictures": 0.45,
}
"""Seconds of one core (of 2023) per unit of each count; tests/bench/plan_estimates.py measures them."""


@dataclass(frozen=True, slots=True)
class Work:
    """How often a run does what takes its time.

    Attributes
    ----------
    estimates : seconds of the estimates, by the counts of `estimate_cost`
    fits : specifications that pyfixest fits one by one
    draws, draws_sunab : draws × specifications of the nulls, of one treatment column and of many
    anew, anew_sunab : draws × specifications that a permutation estimates anew
    refits : draws × specifications that are fitted one by one again
    audit : specifications that the audit estimates
    analyses : tables of analyses
    pictures : figures × formats
    """

    estimates: float
    fits: int
    draws: int
    draws_sunab: int
    anew: int
    anew_sunab: int
    refits: int
    audit: int
    analyses: int
    pictures: int

    @property
    def parts(self) -> dict[str, float]:
        """Return the seconds of one core by part, in words, those that count for something."""
        s = SECONDS
        nulls = self.draws * s["draws"] + self.draws_sunab * s["draws_sunab"]
        nulls += self.anew * s["anew"] + self.anew_sunab * s["anew_sunab"] + self.refits * s["refits"]
        loaded = s["pyfixest"] if self.fits or self.refits else 0.0
        return {
            "estimates": s["start"] + loaded + self.estimates,
            "draws": nulls,
            "analyses": self.analyses * s["analyses"],
            "figures": self.pictures * s["pictures"],
            "audit": s["pyfixest"] + self.audit * s["audit"] if self.audit else 0.0,
        }

    @property
    def seconds(self) -> float:
        """Return the seconds of one core of the whole run."""
        return sum(self.parts.values())


def count_work(prepared: Prepared, compiled: Compiled, cost: Cost) -> Work:
    """Count what ``specdid run`` would do, on the plan alone: nothing is estimated.

    What turns out to have no estimate, or to be the same model again, is counted as well.
    """
    study, members = prepared.study, compiled.members
    many = members.sunab >= 0
    draws = draws_sunab = anew = anew_sunab = refits = 0
    cluster = cluster_codes(prepared) if study.inference.draws else None
    if cluster is not None:
        batched, b = compiled.batched, study.inference.draws
        moving = [bool(_plugins.load("inference", name).assigns) for name in study.inference.null]
        draws += moving.count(False) * b * int(np.count_nonzero(batched & ~many))
        draws_sunab += moving.count(False) * b * int(np.count_nonzero(batched & many))
        if any(moving):
            of = split(_context(prepared, compiled, cluster))
            draws += b * int(np.count_nonzero(of.simple))
            anew += b * int(np.count_nonzero(of.again & ~many))
            anew_sunab += b * int(np.count_nonzero(of.again & many))
            few = min(REFITS, b)
            others, costly, _ = within_budget(members, ~batched & of.depends, of.costly, few)
            anew += few * int(np.count_nonzero(costly & ~many))
            anew_sunab += few * int(np.count_nonzero(costly & many))
            refits += few * int(np.count_nonzero(others))
    return Work(
        cost.seconds,
        cost.one_by_one,
        draws,
        draws_sunab,
        anew,
        anew_sunab,
        refits,
        min(AUDITED, len(members)),
        len(study.analyses),
        _pictures(prepared),
    )


def _context(prepared: Prepared, compiled: Compiled, cluster: np.ndarray) -> Context:
    study = prepared.study
    return Context(
        prepared.plan,
        prepared.panel,
        prepared.evaluator,
        compiled,
        np.arange(len(compiled.members)),
        {},
        cluster,
        study.inference.draws,
        study.seed,
        1,
        "serial",
        lambda stage, done, total: None,
    )


def _pictures(prepared: Prepared) -> int:
    """Count figures × formats: the curve, volcano and multiverse, one of each null, those of analyses."""
    study = prepared.study
    drawn = sum(bool(_plugins.load("analyses", table.kind).drawn) for table in study.analyses)
    nulls = len(study.inference.null) if study.inference.draws else 0
    return (3 + nulls + drawn) * len(study.figure.formats)
