"""The plug-in finder: what stands on a shelf, without importing it.

A plug-in is a module of the shelf's package whose name does not start with ``_``, or an
entry point of the group ``specdid.<shelf>`` of another distribution. Its module holds one
declared object under the shelf's word (``ESTIMATOR`` in estimators/), and may hold what
readers are told of it alone under ``OWN`` (:class:`Own`).
"""

from __future__ import annotations

import os
import string
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from specdid._diagnostics import SpecdidError, closest
from specdid._words import ask_too

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

DECLARED = {
    "estimators": "ESTIMATOR",
    "inference": "INFERENCE",
    "matching": "MATCHING",
    "figures": "FIGURE",
    "tables": "TABLE",
    "exports": "EXPORT",
    "analyses": "ANALYSIS",
}
"""Shelf -> the name its modules give the object they declare."""


REFIT = "_refit"
"""What the name of a null ends in that is drawn with another, whose name stands before it."""


class PluginError(SpecdidError):
    """There is no such plug-in, or it does not declare what its shelf asks for."""


@dataclass(frozen=True, slots=True)
class Own:
    """What readers are told of a plug-in alone: ``OWN`` of its module, of which all may be left out.

    Attributes
    ----------
    zh : the Chinese of the texts that its code gives to `say` or `later`, by their English, as in ``_words/zh.toml``.
    zh_kept : that of what results keep of it in English, as in ``_words/zh_kept.toml``: an analysis's name, estimands,
        warnings, reasons.
    clauses : what its codes of warnings say in a clause, each marked by `later`; they stand behind those of
        ``_records/cautions.py``.
    meanings : sentences by word under the name of a table of ``_manual/meanings.toml``, such as "warnings" or
        "files.balance"; and "columns", those that an estimator adds to the results.
    example : keys of an analysis for the conformance tests, which run it on ``tests/helpers/panels.py``.
    """

    zh: Mapping[str, str] = field(default_factory=dict)
    zh_kept: Mapping[str, str] = field(default_factory=dict)
    clauses: Mapping[str, str] = field(default_factory=dict)
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    example: str = ""

    def __post_init__(self) -> None:
        for table in self.meanings:
            if table not in _MEANINGS and not table.startswith("files."):
                raise ValueError(
                    f"OWN.meanings has no table `{table}`; there are {', '.join(_MEANINGS)} and files.NAME"
                )
        for english, text in self.zh.items():
            if set(_values(text)) != set(_values(english)):
                raise ValueError(f"OWN.zh has other values than its English: {english}")
        for english, text in self.zh_kept.items():
            given = _values(english)
            if not set(_values(text)) <= set(given) or len(given) != len(set(given)):
                raise ValueError(f"OWN.zh_kept has values that its English has not once: {english}")


_MEANINGS = ("words", "warnings", "faults", "columns")


def _values(text: str) -> list[str]:
    """Return the names in braces of a text."""
    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]


def names(shelf: str) -> tuple[str, ...]:
    """Return the plug-ins of ``shelf``, sorted, importing none of them."""
    return tuple(sorted({*_modules(shelf), *_outside(shelf)}))


def nulls() -> tuple[str, ...]:
    """Return the nulls that a study may ask for; refits come with the null that they follow."""
    found = names("inference")
    return tuple(n for n in found if n.removesuffix(REFIT) == n or n.removesuffix(REFIT) not in found)


def with_refits(asked: Iterable[str]) -> tuple[str, ...]:
    """Return the nulls to draw for those asked for: each of them, then the refits of those that have some."""
    asked, found = tuple(asked), names("inference")
    return (*asked, *(f"{n}{REFIT}" for n in asked if f"{n}{REFIT}" in found))


def suggest(shelf: str, name: str) -> str | None:
    """Return the plug-in whose name is closest to ``name``, if one is close."""
    return closest(name, names(shelf))


def load(shelf: str, name: str) -> Any:
    """Import plug-in ``name`` and return the object it declares.

    Raises
    ------
    PluginError
        No plug-in of that name (with the closest one), or its module declares nothing.
        A module of specdid comes before an entry point of the same name.
        Or the plug-in of another distribution fails as it is imported.
    """
    attribute = _attribute(shelf)
    if name in _modules(shelf):
        module = import_module(f"specdid.{shelf}.{name}")
    elif name in (outside := _outside(shelf)):
        module = _from_outside(outside[name])
        if not hasattr(module, attribute) and not hasattr(module, "__path__"):
            return module
    else:
        close = suggest(shelf, name)
        hint = f"did you mean `{close}`?" if close else f"there are {', '.join(names(shelf)) or 'none'}"
        raise PluginError(f"no `{name}` in {shelf}; {hint}")
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise PluginError(f"{module.__name__} declares no {attribute}") from None


def every(shelf: str) -> tuple[Any, ...]:
    """Import all plug-ins of ``shelf`` and return the objects they declare, by name; without :func:`broken` ones."""
    bad = broken(shelf)
    return tuple(load(shelf, name) for name in names(shelf) if name not in bad)


def broken(shelf: str) -> dict[str, str]:
    """Return the plug-ins of other distributions that cannot be used, and why."""
    found = {}
    for name in _outside(shelf):
        try:
            load(shelf, name)
        except PluginError as error:
            found[name] = str(error)
    return found


def owned() -> dict[tuple[str, str], Own]:
    """Return what plug-ins say of themselves, by shelf and name; of those that cannot be used nothing."""
    found = {}
    for shelf in DECLARED:
        bad, ours, outside = broken(shelf), _modules(shelf), _outside(shelf)
        for name in names(shelf):
            if name not in bad:
                load(shelf, name)
                module = sys.modules[f"specdid.{shelf}.{name}" if name in ours else outside[name].module]
                own = getattr(module, "OWN", None)
                if isinstance(own, Own):
                    found[shelf, name] = own
    return found


def _own_texts(catalogue: str) -> dict[str, str]:
    return {english: text for own in owned().values() for english, text in getattr(own, catalogue).items()}


ask_too(_own_texts)


def sources_outside() -> tuple[Path, ...]:
    """Return the Python files of the packages that plug-ins of other distributions stand in, sorted."""
    found: set[Path] = set()
    for shelf in DECLARED:
        for point in _outside(shelf).values():
            spec = find_spec(point.module.partition(".")[0])
            if spec is not None and spec.submodule_search_locations:
                found.update(file for place in spec.submodule_search_locations for file in Path(place).rglob("*.py"))
            elif spec is not None and spec.origin is not None:
                found.add(Path(spec.origin))
    return tuple(sorted(found))


def _from_outside(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # whatever somebody else's module does as it is imported
        where = f"the plug-in `{point.name}` ({point.value})"
        raise PluginError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error


def _attribute(shelf: str) -> str:
    try:
        return DECLARED[shelf]
    except KeyError:
        raise PluginError(f"no shelf `{shelf}`; there are {', '.join(DECLARED)}") from None


def _modules(shelf: str) -> tuple[str, ...]:
    """Return the public modules of the shelf's package, read from its directories."""
    _attribute(shelf)
    return _public(tuple(import_module(f"specdid.{shelf}").__path__))


@cache
def _public(path: tuple[str, ...]) -> tuple[str, ...]:
    # A draw that refits loads its estimator thousands of times; listing a directory takes .1 ms.
    return tuple(m.name for m in iter_modules(path) if not m.name.startswith("_"))


def _outside(shelf: str) -> dict[str, EntryPoint]:
    return _entry_points(tuple(sys.path)).get(shelf, {})


@cache
def _entry_points(path: tuple[str, ...]) -> dict[str, dict[str, EntryPoint]]:
    """Return other distributions' plug-ins by shelf and name.

    importlib.metadata takes 25 ms to load and scan; reading the few bytes of each
    entry_points.txt takes 1 ms and nearly always finds that there is nothing to load.
    """
    if not any(_mentions_specdid(entry) for entry in path):
        return {}
    from importlib.metadata import entry_points

    return {shelf: {p.name: p for p in entry_points(group=f"specdid.{shelf}")} for shelf in DECLARED}


def _mentions_specdid(directory: str) -> bool:
    try:
        with os.scandir(directory or ".") as entries:
            infos = [e.path for e in entries if e.name.endswith((".dist-info", ".egg-info"))]
    except OSError:
        return False
    return any(b"[specdid." in _content(info) for info in infos)


def _content(info: str) -> bytes:
    try:
        with open(os.path.join(info, "entry_points.txt"), "rb") as file:  # noqa: PTH123, PTH118 - hot
            return file.read()
    except OSError:
        return b""
