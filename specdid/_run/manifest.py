"""manifest.json: what was run, on what, with which versions, and what came of it."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import specdid
from specdid._curve import Curve
from specdid._records.cautions import FAILED, SEVERITIES
from specdid._run.owner import data_record, spec_record
from specdid._study import Study
from specdid.panel import Panel

LIBRARIES = (
    "formulaic",
    "joblib",
    "lark",
    "matplotlib",
    "narwhals",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pyfixest",
    "scipy",
    "threadpoolctl",
    "tomli",
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run took from an earlier one instead of computing it.

    Attributes
    ----------
    specifications : whose estimates
    draw_parts, analysis_parts : parts of the nulls' draws, and of the analyses
    drawn_again, differing : of the parts, those that were computed again to be compared, and that differed
    """

    specifications: int = 0
    draw_parts: int = 0
    analysis_parts: int = 0
    drawn_again: int = 0
    differing: int = 0


def manifest(
    study: Study, panel: Panel, curve: Curve, directory: Path, wall_seconds: float, run: dict[str, Any], taken: Taken
) -> dict[str, Any]:
    """Build the content of the manifest in ``directory``; keys in a fixed order."""
    counts = curve.counts
    severities = [c.severity for c in curve.warnings]
    return {
        "audit": _audit(curve),
        "warnings": {severity: severities.count(severity) for severity in SEVERITIES},
        "specdid": library_version("specdid"),
        "spec": spec_record(study, directory),
        "data": data_record(study, panel),
        "code_sha256": code_hash(),
        "versions": {"python": platform.python_version(), **{n: library_version(n) for n in LIBRARIES}},
        "machine": {"system": platform.system(), "processor": platform.machine()},
        "seed": study.seed,
        "counts": {
            "planned": counts.planned,
            "ok": counts.ok,
            "failed": counts.failed,
            "excluded": counts.excluded,
            "duplicate": counts.duplicate,
        },
        "one_by_one": curve.one_by_one,
        "run": run,
        "taken_from_an_earlier_run": asdict(taken),
        "figure": {"sort": study.figure.sort, "width": study.figure.width},
        "wall_seconds": round(wall_seconds, 3),
    }


def _audit(curve: Curve) -> dict[str, Any] | None:
    audit = curve.audit
    if audit is None:
        return None
    if audit.not_done:
        verdict = FAILED if audit.failed else "not done"
        counts = {"checked": 0, "eligible": audit.eligible, "disagreements": []}
        return {"verdict": verdict, "why": audit.not_done, **counts}
    return {
        "verdict": FAILED if audit.failed else "passed",
        "checked": audit.checked,
        "eligible": audit.eligible,
        "estimate_gap": audit.estimate_gap,
        "se_gap": audit.se_gap,
        "limit": audit.limit,
        "reference": audit.reference,
        "disagreements": [asdict(d) for d in audit.disagreements],
    }


COMPILED = (".pyc", ".so", ".pyd")


@cache
def code_hash() -> str:
    """Hash the package's own source, grammar and page included, so that results name the code that made them."""
    root = Path(specdid.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*.*") if p.is_file() and p.suffix not in COMPILED):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def library_version(name: str) -> str | None:
    """Return an installed library's version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
