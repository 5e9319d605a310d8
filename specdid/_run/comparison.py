"""Two results directories beside each other, and the files that say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any

from specdid import _plugins
from specdid._compare import Comparison, Joint, SettingChange, compare_results, rows
from specdid._records import Caution, read_results
from specdid._records.cautions import against, clause
from specdid._records.files import read_object, read_rows, replacing
from specdid._run.write import FigureFiles, read_warnings, save_figure, write_text, writing
from specdid.figures._style import stamp
from specdid.report.comparison import markdown

FIGURE = "compared_curves"
FIGURE_ENDINGS = (".pdf", ".png", ".svg")
TEXT_ENDINGS = (".md", ".csv")


def compare(old: str | Path, new: str | Path) -> Comparison:
    """Compare two runs of a study, before and after a revision.

    Specifications are matched by content, so labels may have changed; what has no partner
    is matched by its labels and called redefined.

    Parameters
    ----------
    old, new
        Directories that runs wrote. results.parquet is enough; where inference.csv and
        manifest.json are there, the joint tests and the setup are compared too.

    Returns
    -------
    Comparison
        What was added, removed, changed and redefined, and how the estimates moved.

    Raises
    ------
    SpecError
        A directory has no results.
    """
    before, after = Path(old), Path(new)
    found = compare_results(
        read_results(before), read_results(after), (str(old), str(new)), (_tests(before), _tests(after))
    )
    warned = (read_warnings(before), read_warnings(after))
    manifests = _manifest(before), _manifest(after)
    setup = (*_setup(*manifests), *_serious(*warned))
    return dataclasses.replace(
        found,
        setup=setup,
        failed=tuple(_failed((str(old), str(new)), warned)),
        settings=_settings(*manifests),
        tests=_roles(found.tests, _primary(before), _primary(after)),
        draw=_draw,
        summarise=markdown,
    )


def _roles(tests: Sequence[Joint], old: Set[tuple[str, str]], new: Set[tuple[str, str]]) -> tuple[Joint, ...]:
    """Say in which run each test is the primary one."""
    words = {(True, True): "both", (True, False): "old", (False, True): "new", (False, False): ""}
    keys = [(t.null, t.statistic) for t in tests]
    return tuple(dataclasses.replace(t, primary=words[k in old, k in new]) for t, k in zip(tests, keys, strict=True))


def _primary(directory: Path) -> set[tuple[str, str]]:
    rows = read_rows(directory / "inference.csv", ("null", "statistic", "role"), ())
    return {(r["null"], r["statistic"]) for r in rows if r["role"] == "primary"}


def _settings(before: dict[str, Any], after: dict[str, Any]) -> tuple[SettingChange, ...]:
    """Return what the spec files say otherwise; nothing where a run has not kept it."""
    old, new = (_at(m, "settings") for m in (before, after))
    if not isinstance(old, dict) or not isinstance(new, dict):
        return ()
    keys = list(dict.fromkeys([*new, *old]))
    tables = list(dict.fromkeys(key.partition(".")[0] for key in keys))
    keys.sort(key=lambda key: tables.index(key.partition(".")[0]))
    pairs = ((key, f"{old.get(key, '')}", f"{new.get(key, '')}") for key in keys)
    return tuple(SettingChange(key, a, b) for key, a, b in pairs if a != b)


def _failed(names: Sequence[str], warned: Sequence[Sequence[Caution]]) -> Iterator[str]:
    for name, cautions in zip(names, warned, strict=True):
        if said := against(cautions).failed:
            yield f"{said} (those of {name})"


def _serious(old: Sequence[Caution], new: Sequence[Caution]) -> Iterator[str]:
    """Say which kinds of serious warnings came or went."""
    before, after = (dict.fromkeys(c.code for c in found if c.severity == "serious") for found in (old, new))
    for word, codes, others in (("new", after, before), ("gone", before, after)):
        if told := [clause(c) for c in codes if c not in others]:
            yield f"serious warnings that are {word}: {'; '.join(told)}"


def _draw(comparison: Comparison, width: float | None = None) -> Any:
    figure = _plugins.load("figures", FIGURE)
    drawn = figure.draw(figure.data(comparison), width)
    if comparison.failed:
        stamp(drawn, comparison.failed[0])
    return drawn


def _tests(directory: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """Read inference.csv: (null, statistic) -> value and p; nothing where it is not there."""
    rows = read_rows(directory / "inference.csv", ("null", "statistic"), ("value", "p_value"))
    return {(r["null"], r["statistic"]): (r["value"], r["p_value"]) for r in rows}


def _setup(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    """Say what the manifests say of spec, data, program and versions, where both runs have one."""
    if not before or not after:
        return ()
    lines = []
    for words, be, key in (("the spec file", "is", "spec"), ("the data", "are", "data")):
        a, b = (_at(m, key, "content_sha256") or _at(m, key, "sha256") for m in (before, after))
        lines += [f"{words} {f'{be} the same' if a == b else 'changed'}"] if a and b else []
    if any(not isinstance(_at(m, "settings"), dict) for m in (before, after)):
        lines.append("which settings changed is not known: a run was made before its manifest kept them")
    lines += _joined_files(before, after)
    versions = [("versions", name) for name in _at(after, "versions") or {}]
    for keys in (("specdid",), ("seed",), *versions):
        a, b = (_at(m, *keys) for m in (before, after))
        lines += [f"{keys[-1]}: {a} → {b}"] if a != b else []
    if _at(before, "specdid") == _at(after, "specdid") and _at(before, "code_sha256") != _at(after, "code_sha256"):
        lines.append("specdid's code changed")
    return tuple(lines)


def _joined_files(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Say which of the joined files changed, came or went."""
    old, new = ({f"{_at(one, 'name')}": one for one in _listed(m)} for m in (before, after))
    lines = []
    for name in dict.fromkeys((*old, *new)):
        a, b = old.get(name), new.get(name)
        if a is None or b is None:
            lines.append(f"joined file `{name}`: {'no longer joined' if b is None else 'joined now'}")
        elif _at(a, "sha256") != _at(b, "sha256"):
            lines.append(f"joined file `{name}` changed")
        elif any(_at(a, key) != _at(b, key) for key in ("by", "reshaped")):
            lines.append(f"joined file `{name}` is the same, and joined otherwise")
        if a and b and (lone := [_at(one, "rows_without_partner") for one in (a, b)])[0] != lone[1]:
            lines.append(f"rows without a partner in joined file `{name}`: {lone[0]} → {lone[1]}")
    return lines


def _listed(manifest: dict[str, Any]) -> list[Any]:
    found = _at(manifest, "data", "joined")
    return found if isinstance(found, list) else []


def _manifest(directory: Path) -> dict[str, Any]:
    return read_object(directory / "manifest.json")


def _at(content: Any, *keys: str) -> Any:
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the comparison as Markdown, or, where the file ends in .csv, a row per specification and vcov.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with writing(path):
        if path.suffix == ".md":
            write_text(markdown(comparison), path)
            return
        with replacing(path) as part:
            rows(comparison, guarded=True).write_csv(part)


def write_figure(comparison: Comparison, path: Path) -> list[str]:
    """Draw both curves into a file that ends in .pdf, .png or .svg; return what the figure warned of.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with writing(path):
        return save_figure(partial(_draw, comparison), path.parent, path.stem, FigureFiles([path.suffix[1:]]))[1]
