"""manifest.json: what was run, on what, with which versions; it also says whose results a directory holds.

A name is not enough: every folder of a project may have its own ``study.toml``. A study is known by
its spec file's place relative to its results, which moves with the project and with a copy of it.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import specdid
from specdid._curve import Curve
from specdid._diagnostics import Document, OutputError
from specdid._records.cautions import FAILED, SEVERITIES
from specdid._records.files import read_json
from specdid._study import Study, file_stem
from specdid.engine.cache_keys import library_version
from specdid.panel import Panel, SourceFile

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
COMPILED = (".pyc", ".so", ".pyd")


def default_directory(study: Study) -> Path:
    """Return where results go unless ``--out`` says otherwise."""
    return Path("outputs") / study.name


def spec_record(study: Study, directory: Path | None) -> dict[str, Any]:
    """Return what the manifest in ``directory`` says of the spec.

    ``file`` is the spec file's path from there, None of a study that is no file; ``extends`` is the
    file that it extends, where it does.
    """
    own, base = study.document, study.base
    extended = {} if base is None else {"extends": {"file": _place(base, directory), "sha256": _hash(base)}}
    return {
        "name": study.name,
        "file": _place(own, directory),
        "stem": study.stem,
        "sha256": _hash(own),
        "title": study.title,
        **extended,
    }


def _hash(document: Document | None) -> str | None:
    return None if document is None else hashlib.sha256(document.text.encode()).hexdigest()


def data_record(study: Study, panel: Panel) -> dict[str, Any]:
    """Return what the manifest says of the data: of one file that stays as it is, its hash is that of the content."""
    own = panel.files[0]
    record: dict[str, Any] = {
        "file": study.data.name if study.data else None,
        "sha256": own.sha256,
        "rows": panel.n_rows,
    }
    if own.sha256 != panel.sha256:
        record["content_sha256"] = panel.sha256
    if own.layout is not None:
        record["reshaped"] = own.layout.words
    if len(panel.files) > 1:
        record["joined"] = [_joined_record(file) for file in panel.files[1:]]
    return record


def _joined_record(file: SourceFile) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": file.label,
        "file": None if file.path is None else file.path.name,
        "sha256": file.sha256,
        "rows": file.n_rows,
        "by": dict(file.by),
        "rows_without_partner": file.unmatched,
        "of_these_without_key": file.missing_keys,
        "rows_unused": file.unused,
    }
    if file.option is not None:
        record |= {"option_of": file.option[0], "differs_in": list(file.columns.values())}
    return record if file.layout is None else {**record, "reshaped": file.layout.words}


def content_hash(data: Mapping[str, Any]) -> object:
    """Return the hash of all data by what a manifest says of them."""
    return data.get("content_sha256", data.get("sha256"))


def refuse_foreign(directory: Path, study: Study, panel: Panel) -> None:
    """Refuse to write over the results of another study.

    Raises
    ------
    OutputError
        ``directory`` has a manifest of another study.
    """
    found = read_record(directory)
    other = None if found is None else _other(found, study, panel, directory)
    if other is not None:
        said = "".join(c if c.isprintable() else " " for c in other)  # a stranger's manifest may hold anything
        raise OutputError(f"{directory} holds the results of {said}")


def read_record(directory: Path) -> Mapping[str, Any] | None:
    """Read what a manifest says of study and data; None where there is none that specdid wrote."""
    found = read_json(directory / "manifest.json")
    if not isinstance(found, dict) or not isinstance(found.get("spec"), dict):
        return None
    data = found.get("data")
    return {"spec": found["spec"], "data": data if isinstance(data, dict) else {}}


def _other(found: Mapping[str, Any], study: Study, panel: Panel, directory: Path) -> str | None:
    """Name the other study whose manifest this is, and say what to do; None where it is the same."""
    spec, data = found["spec"], found["data"]
    mine, my_data = spec_record(study, directory), data_record(study, panel)
    name = spec.get("name", spec.get("stem"))
    if name != mine["name"]:
        return f"`{name}`, not of `{mine['name']}`: give another directory with --out"
    same_data = content_hash(data) == content_hash(my_data)
    same_text = study.document is not None and spec.get("sha256") == mine["sha256"]
    if _same_place(spec, mine, study) or (same_data and same_text):
        return None
    old = spec.get("file")
    moved = not isinstance(old, str) or not _exists(directory.resolve() / old)
    if moved and spec.get("title") == mine["title"] and (same_data or "file" not in spec):
        return None
    shown = f"“{spec.get('title')}”" if not isinstance(old, str) else os.path.relpath(directory.resolve() / old)
    me = f"“{study.title}”" if study.document is None else study.document.name
    return (
        f'another study called `{name}` ({shown}), not of {me}: write name = "…" in [study], or give another '
        f"directory with --out; if they are of an earlier version of this study, move them away"
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # of a path that no system has
        return False


def _same_place(spec: Mapping[str, Any], mine: Mapping[str, Any], study: Study) -> bool:
    """Say whether the manifest names this spec file; of a study that is no file, the name or title it was given."""
    if study.document is None:
        return spec.get("file") is None and (study.given_name is not None or spec.get("title") == mine["title"])
    file = spec.get("file")
    return isinstance(file, str) and os.path.normcase(file) == os.path.normcase(str(mine["file"]))


def _place(document: Document | None, directory: Path | None) -> str | None:
    if document is None or directory is None:
        return None
    spec = Path(document.name).resolve()
    try:
        return Path(os.path.relpath(spec, directory.resolve())).as_posix()
    except ValueError:  # another drive of Windows
        return spec.as_posix()


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
        "settings": dict(study.settings),
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
        "together": [_tie(curve, tie) for tie in curve.results.planned.together],
        "one_by_one": curve.one_by_one,
        "run": run,
        "taken_from_an_earlier_run": asdict(taken),
        "figure": {"sort": study.figure.sort, "width": study.figure.width, **_breakdowns(curve)},
        "wall_seconds": round(wall_seconds, 3),
    }


def _breakdowns(curve: Curve) -> dict[str, str]:
    """Name the file of the breakdown values below the curve, where there are some."""
    stems = [a.stem for a in curve.analyses if a.finding.breakdowns is not None]
    return {"breakdowns": f"{file_stem(stems[0], 'breakdown')}.csv"} if stems else {}


def _tie(curve: Curve, tie: tuple[str, ...]) -> dict[str, Any]:
    """Count the combinations of tied dimensions that are planned."""
    planned = curve.results.planned
    options, _ = planned.combined(planned.choice(tie), np.arange(len(planned)))
    return {"dimensions": list(tie), "combinations": len(options)}


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
        **({"units": list(audit.units)} if audit.units[1] else {}),
        **({"not_audited": audit.not_audited, "why_not": audit.why_not} if audit.not_audited else {}),
        "disagreements": [asdict(d) for d in audit.disagreements],
    }


@cache
def code_hash() -> str:
    """Hash the package's own source, grammar and page included, so that results name the code that made them."""
    root = Path(specdid.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*.*") if p.is_file() and p.suffix not in COMPILED):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
