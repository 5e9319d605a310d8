"""Keys of what is computed: hashes of everything a result depends on, and of nothing else.

A key holds columns by their values and in the order of their use, never by their place in the
plan. So what a change of the spec file does not touch keeps its key, and what is found under
a key is, byte for byte, what would be computed.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Ints
from specdid.engine.problem import Effects, Members, Problem, Sunab
from specdid.engine.workers import pools

LIBRARIES = ("numpy", "scipy", "pandas", "formulaic", "pyfixest")
SOURCES = ("engine", "estimators", "inference", "_records/fits.py", "_hashing.py", "_arrays.py")
"""Where numbers are made: a change of these files changes every key."""


def digest(*parts: bytes | str | NDArray[Any]) -> bytes:
    """Hash parts, each with its length, type and shape, to 16 bytes."""
    total = sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            content = np.ascontiguousarray(part)
            total.update(f"{content.dtype.str}{content.shape}".encode())
            total.update(content.data if content.size else b"")
        else:
            raw = part.encode() if isinstance(part, str) else part
            total.update(len(raw).to_bytes(8, "little"))
            total.update(raw)
    return total.digest()[:16]


@cache
def environment() -> bytes:
    """Hash what makes numbers beside the data."""
    return digest(json.dumps(surroundings()))


def surroundings() -> dict[str, str]:
    """Name what makes numbers beside the data: this code, the libraries, the machine's arithmetic."""
    features = import_module("numpy._core._multiarray_umath").__cpu_features__
    blas = sorted(
        {
            f"{p['internal_api']} {p['version']} {p.get('architecture')} {p.get('threading_layer')}"
            for p in pools().info()
            if p["user_api"] == "blas"
        }
    )
    return {
        "source of specdid": source_hash().hex()[:16],
        "python": platform.python_version(),
        **{name: library_version(name) or "none" for name in LIBRARIES},
        **({"plug-ins of others": _hash_files(others)} if (others := _plugins.sources_outside()) else {}),
        "system": f"{platform.system()} {platform.machine()}",
        "BLAS": ", ".join(blas),
        "processor features": digest(json.dumps(sorted(name for name, there in features.items() if there))).hex()[:16],
    }


def _hash_files(paths: Iterable[Path]) -> str:
    return digest(*(part for path in paths for part in (path.name, path.read_bytes()))).hex()[:16]


@cache
def library_version(name: str) -> str | None:
    """Return an installed library's version, None where there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def source_hash(places: tuple[str, ...] = SOURCES) -> bytes:
    """Hash files and directories of this package; by default the code that makes numbers."""
    root = Path(__file__).parents[1]
    found = [p for s in places for p in ([root / s] if s.endswith(".py") else (root / s).rglob("*.py"))]
    total = sha256()
    for path in sorted(found):
        total.update(path.relative_to(root).as_posix().encode())
        total.update(path.read_bytes())
    return total.digest()


class Content:
    """Hashes of a problem's columns, each formed when it is first asked for."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._found: dict[tuple[str, int], bytes] = {}
        codes = [b"".join(map(self.code, v.clusters)) for v in problem.vcovs]
        arms = b"".join(self.value(t) + self.values(others) for t, others in sorted(problem.arms.items()))
        kinds = json.dumps([(v.kind, len(v.clusters), v.ssc, v.distribution) for v in problem.vcovs])
        self.study = digest(
            environment(), kinds, *codes, self.code(problem.unit), repr(problem.alpha), str(len(problem.values)), arms
        )
        """What every specification of the study shares."""

    def _once(self, kind: str, place: int, form: Callable[[], bytes]) -> bytes:
        if place < 0:
            return bytes(16)
        if (kind, place) not in self._found:
            self._found[kind, place] = form()
        return self._found[kind, place]

    def value(self, column: int) -> bytes:
        """Hash a column of values, with its logs of nothing; zeros for column -1."""
        return self._once("value", column, lambda: self._value(column))

    def _value(self, column: int) -> bytes:
        log0 = self.problem.log0
        marked = np.zeros(0, bool) if log0 is None or not log0[:, column].any() else log0[:, column]
        return digest(self.problem.values[:, column], np.packbits(marked))

    def code(self, column: int) -> bytes:
        """Hash a column of codes; zeros for column -1."""
        return self._once("code", column, lambda: digest(self.problem.codes[:, column]))

    def rows(self, sample: int) -> bytes:
        """Hash a sample's row mask."""
        return self._once("rows", sample, lambda: digest(np.packbits(self.problem.rows[sample])))

    def effects(self, choice: int) -> bytes:
        """Hash a fixed-effects option."""
        return self._once("effects", choice, lambda: self._effects(self.problem.effects[choice]))

    def _effects(self, effects: Effects) -> bytes:
        slopes = (self.code(c) + self.value(x) for c, x in effects.slopes)
        return digest(b"".join(map(self.code, effects.fixed)), b"".join(slopes))

    def aggregate(self, sunab: Sunab) -> bytes:
        """Hash a Sun-Abraham treatment."""
        options = repr((sunab.reference, sunab.control, sunab.names))
        return digest(self.value(sunab.cohort), self.value(sunab.period), options)

    def values(self, columns: Iterable[int]) -> bytes:
        """Hash columns of values in their order."""
        return b"".join(map(self.value, columns))

    def shared(self, members: Members, s: int) -> bytes:
        """Hash what the members of a batch share but for their rows: effects, weights, aggregate, instruments."""
        sunab = int(members.sunab[s])
        aggregate = b"" if sunab < 0 else self.aggregate(members.aggregates[sunab])
        instruments = self.values(members.instruments_of(s).tolist())
        return digest(
            self.effects(int(members.effects[s])), self.value(int(members.weights[s])), aggregate, instruments
        )

    def members(self, members: Members, columns: Ints) -> bytes:
        """Hash members of any rows, effects and weights; ``columns`` are those of values that they use."""
        parts: list[bytes | str | NDArray[Any]] = [self.layout(members, columns)]
        forms = (self.rows, self.effects, self.value)
        for column, form in zip((members.rows, members.effects, members.weights), forms, strict=True):
            distinct, which = np.unique(column, return_inverse=True)
            parts += [b"".join(map(form, distinct.tolist())), which.reshape(-1)]
        distinct, which = np.unique(members.sunab, return_inverse=True)
        aggregates = (self.aggregate(members.aggregates[a]) for a in distinct.tolist() if a >= 0)
        sets, of_set = np.unique(members.instruments, return_inverse=True)
        instruments = repr([self.values(members.instrument_sets[k]) for k in sets.tolist() if k >= 0])
        parts += [instruments, of_set.reshape(-1), str(int(sets.min(initial=0)))]
        return digest(*parts, b"".join(aggregates), which.reshape(-1), str(int(distinct.min(initial=0))))

    def layout(self, members: Members, columns: Ints) -> bytes:
        """Hash which of ``columns`` each member has in which role, and the columns."""
        place = np.full(self.problem.values.shape[1] + 1, -1, np.int32)
        place[columns] = np.arange(len(columns))
        roles = (members.outcome, members.treatment, members.controls, members.extra_rows)
        return digest(self.values(columns.tolist()), members.start, *(place[role] for role in roles))


def used_columns(members: Members) -> Ints:
    """Return the columns of values that members regress, regress on, or need complete; ascending."""
    extra = members.extra_rows[members.extra_rows >= 0]
    roles = (members.outcome, members.treatment, members.controls, extra, members.instrument_columns)
    return np.unique(np.concatenate(roles))
