"""Directories of results as a stranger might send them: one that a run wrote, with one thing made wrong.

Every case is a function of its number. What lies outside the directory is watched by `outside`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_keeper import Case, Finding, Keeper
from small_studies import small_panel, small_study
from toml_text import write_toml

Craft = Callable[[random.Random, Path], None]

WORDS = (
    "", " ", "\x1b]0;owned\x07", "\x1b[2J", "‮txt", "a\nb", "=cmd|' /C calc'!A0", "<script>canary</script>", "../../x",
    "名" * 400, "x" * 30_000, "\\input{/etc/passwd}", "%s%n{0.__class__}", "nan", "\u2028",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**40, 1e308, float("nan"), "", "x", [], {}, [[]], {"a": {"b": []}}, [None], "1", -0.5, 10**30,
)  # fmt: skip
FILES = ("results.parquet", "manifest.json", "inference.csv", "inference_bands.parquet")
OUTPUTS = (*FILES, "summary.md", "curve.svg", "warnings.csv", "report.html", ".specdid.lock", "INCOMPLETE.txt")


def craft(number: int, good: Path, place: Path) -> str:
    """Lay a directory out at ``place``; gives the kind of what is wrong with it."""
    rng = random.Random(f"directory {number}")
    kind = list(KINDS)[number % len(KINDS)]
    shutil.copytree(good, place, symlinks=True)
    KINDS[kind](rng, place)
    return kind


def outside(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return what is in a folder: mode, size and content of every file, links not followed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (state.st_mode, len(content), content)
    return found


def run_into(name: str) -> tuple[str, ...]:
    """Give the command that runs the spec into a directory."""
    return ("run", "spec.toml", "--out", name, "--jobs", "1", "--quiet", "--audit", "0")


def lay_good(keeper: Keeper) -> None:
    """Write a study and what a run of it leaves, and what lies outside of every crafted directory."""
    sandbox = keeper.sandbox
    small_panel().write_csv(sandbox / "given.csv")
    spec = small_study(
        controls={"any": "csw0(x1)"},
        figure={"formats": ["svg"]},
        inference={"draws": 39},
        appendix={"formats": ["tex"]},
        preferred={"outcome": "y"},
    )
    write_toml(spec, sandbox / "spec.toml")
    keeper.try_one(Case("good", {}, (run_into("good"),)))
    keeper.tally.cases.clear()
    _lay_outside(sandbox / "outside")


def _lay_outside(folder: Path) -> None:
    folder.mkdir()
    (folder / "precious.txt").write_text("mine")
    os.link(folder / "precious.txt", folder / "a.pack")


def try_directory(keeper: Keeper, number: int, rerun: bool, half: int | None = None) -> None:
    """Craft a directory and run every command on it, or with ``half`` one of two ways of each (with 0 ``show`` too).

    What is touched outside is a finding of that kind.
    """
    sandbox, place = keeper.sandbox, keeper.sandbox / f"case{number}"
    before, name = outside(sandbox / "outside"), place.name
    kind = craft(number, sandbox / "good", place)
    halves = (
        (("plot", name), ("compare", name, "good")),
        (("plot", name, "--format", "svg", "--sort", "controls"), ("compare", "good", name, "--write", f"{name}.csv")),
    )
    ways = (*halves[0], *halves[1]) if half is None else halves[half]
    if half != 1:
        ways = (*ways, ("show", "spec.toml", "#1", "--out", name))
    for command in (*ways, *[run_into(name)] * rerun, ("clean", name)):
        keeper.try_one(Case(f"{kind}: {number}", {}, (command,)))
        if outside(sandbox / "outside") != before:
            keeper.tally.findings.append(Finding("outside", f"{kind}: {number}", command[0], "something was touched"))
            shutil.rmtree(sandbox / "outside")
            _lay_outside(sandbox / "outside")
            before = outside(sandbox / "outside")
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place, ignore_errors=True)


def _flip(rng: random.Random, place: Path) -> None:
    path = place / rng.choice(FILES)
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 3, 40))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(bytes(data))


def _cut(rng: random.Random, place: Path) -> None:
    path = place / rng.choice(FILES)
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def _other(rng: random.Random, place: Path) -> None:
    path = place / rng.choice(FILES)
    contents = (b"", b"\0" * 4096, b"PAR1PAR1", b"{}", b"[]", b"null", b"\xff\xfe\0", b"PK\x03\x04", b"a,b\n1\n" * 9)
    path.write_bytes(rng.choice(contents))


def _rewrite(path: Path, change: Callable[[pa.Table, dict[str, Any]], pa.Table]) -> None:
    table = pq.read_table(path)
    header = json.loads(table.schema.metadata[b"specdid"])
    table = change(table, header)
    pq.write_table(table.replace_schema_metadata({b"specdid": json.dumps(header).encode()}), path)


def _header(rng: random.Random, place: Path) -> None:
    def change(table: pa.Table, header: dict[str, Any]) -> pa.Table:
        key = rng.choice(sorted(header))
        if rng.random() < 0.25:
            del header[key]
        else:
            header[key] = rng.choice((*VALUES, *WORDS))
        return table

    _rewrite(place / rng.choice(("results.parquet", "inference_bands.parquet")), change)


def _header_inside(rng: random.Random, place: Path) -> None:
    def change(table: pa.Table, header: dict[str, Any]) -> pa.Table:
        key = rng.choice([k for k in sorted(header) if isinstance(header[k], (list, dict)) and header[k]] or ["title"])
        inside = header[key]
        if isinstance(inside, list):
            inside[rng.randrange(len(inside))] = rng.choice((*VALUES, *WORDS))
        elif isinstance(inside, dict):
            inside[rng.choice(sorted(inside))] = rng.choice((*VALUES, *WORDS))
        else:
            header[key] = rng.choice(WORDS)
        return table

    _rewrite(place / rng.choice(("results.parquet", "inference_bands.parquet")), change)


def _header_deep(rng: random.Random, place: Path) -> None:
    path = place / rng.choice(("results.parquet", "inference_bands.parquet"))
    table = pq.read_table(path)
    deep = rng.choice((b"[" * 100_000, b'{"a":' * 100_000, b'{"version": 1, "title": ' + b"[" * 5_000))
    pq.write_table(table.replace_schema_metadata({b"specdid": deep}), path)


def _column(rng: random.Random, place: Path) -> None:
    def change(table: pa.Table, header: dict[str, Any]) -> pa.Table:
        at = rng.randrange(table.num_columns)
        name = table.column_names[at]
        way = rng.randrange(6)
        if way == 0:
            return table.remove_column(at)
        if way == 1:
            return table.append_column(name, table.column(at))
        if way == 2:
            return table.set_column(at, name, pa.nulls(table.num_rows, table.schema.field(at).type))
        if way == 3:
            return table.set_column(at, name, pa.array([rng.choice(WORDS)] * table.num_rows))
        if way == 4:
            return table.set_column(at, name, pa.array([[1.0]] * table.num_rows))
        return table.rename_columns([*table.column_names[:at], rng.choice(WORDS), *table.column_names[at + 1 :]])

    _rewrite(place / rng.choice(("results.parquet", "inference_bands.parquet")), change)


def _cell(rng: random.Random, place: Path) -> None:
    def change(table: pa.Table, header: dict[str, Any]) -> pa.Table:
        at = rng.randrange(table.num_columns)
        field = table.schema.field(at)
        values = table.column(at).to_pylist()
        odd: tuple[Any, ...] = (None, -1, 2**40, 0)
        if pa.types.is_floating(field.type):
            odd = (None, float("nan"), float("inf"), -1e308, -1.0)
        elif pa.types.is_string(field.type):
            odd = (None, *WORDS)
        elif pa.types.is_boolean(field.type):
            odd = (None, True)
        for _ in range(rng.choice((1, len(values)))):
            values[rng.randrange(len(values))] = rng.choice(odd)
        return table.set_column(at, pa.field(field.name, field.type), pa.array(values, field.type))

    _rewrite(place / "results.parquet", change)


def _rows(rng: random.Random, place: Path) -> None:
    def change(table: pa.Table, header: dict[str, Any]) -> pa.Table:
        way = rng.randrange(5)
        if way == 0:
            return table.slice(0, rng.randrange(table.num_rows))
        if way == 1:
            return table.slice(rng.randrange(1, table.num_rows))
        if way == 2:
            return pa.concat_tables([table, table])
        order = list(range(table.num_rows))
        rng.shuffle(order)
        return table.take(order) if way == 3 else table.slice(0, 0)

    _rewrite(place / rng.choice(("results.parquet", "inference_bands.parquet")), change)


def _other_parquet(rng: random.Random, place: Path) -> None:
    frame = pl.DataFrame({rng.choice(("estimate", "index", "a")): [rng.choice((1.0, 2.0))] * rng.choice((0, 1, 50))})
    frame.write_parquet(place / rng.choice(("results.parquet", "inference_bands.parquet")))


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _manifest(rng: random.Random, place: Path) -> None:
    path = place / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    key = rng.choice(sorted(content))
    content[key] = rng.choice((*VALUES, *WORDS))
    if rng.random() < 0.4:
        names = ("../precious.txt", "/etc/hostname", "precious.txt", "..", ".", "a\0b", "x" * 5_000, "sub/../../x")
        content["files"] = {name: rng.choice((4, 5, "4", None)) for name in names} | _object(content.get("files"))
    path.write_text(json.dumps(content), "utf-8")


def _manifest_deep(rng: random.Random, place: Path) -> None:
    opening = rng.choice(("[", '{"files":', '{"spec":{"stem":'))
    (place / "manifest.json").write_text(opening * rng.choice((1_000, 100_000)))


def _large(rng: random.Random, place: Path) -> None:
    with (place / rng.choice(FILES)).open("r+b") as file:
        file.truncate(2**33)  # sparse


def _table(rng: random.Random, place: Path) -> None:
    path = place / "inference.csv"
    lines = path.read_text("utf-8").splitlines()
    at = rng.randrange(len(lines))
    cell = rng.choice((*WORDS, "x" * 200_000, '"', ",,,,,,,,", "1e999", "\0"))
    lines[at] = rng.choice((cell, lines[at].replace(",", ";"), f"{lines[at]},{cell}", lines[at] + '"' + cell))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _targets(place: Path) -> tuple[Path, ...]:
    return (place.parent / "outside" / "precious.txt", place.parent / "outside" / "new.txt", place.parent / "outside")


def _link(rng: random.Random, place: Path) -> None:
    path = place / rng.choice(OUTPUTS)
    path.unlink(missing_ok=True)
    path.symlink_to(rng.choice(_targets(place)))


def _part(rng: random.Random, place: Path) -> None:
    for name in rng.sample(OUTPUTS, 3):
        (place / f".{name}.part").symlink_to(rng.choice(_targets(place)[:2]))
    (place / ".specdid-new").symlink_to(_targets(place)[2])


def _linked_directory(rng: random.Random, place: Path) -> None:
    if rng.random() < 0.5:
        cache = place / ".specdid-cache"
        shutil.rmtree(cache, ignore_errors=True)
        cache.symlink_to(place.parent / "outside")
        return
    shutil.rmtree(place)
    place.symlink_to(place.parent / "outside")


def _pipe(rng: random.Random, place: Path) -> None:
    path = place / rng.choice(OUTPUTS)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _device(rng: random.Random, place: Path) -> None:
    path = place / rng.choice(OUTPUTS)
    path.unlink(missing_ok=True)
    path.symlink_to(rng.choice(("/dev/zero", "/dev/full", "/dev/stdin", "/dev/random", "/dev/null", "/proc/self/mem")))


def _folder(rng: random.Random, place: Path) -> None:
    path = place / rng.choice(OUTPUTS)
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "inside.txt").write_text("mine")


def _loop(rng: random.Random, place: Path) -> None:
    path = place / rng.choice(OUTPUTS)
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def _mark(rng: random.Random, place: Path) -> None:
    from specdid._records.read import INCOMPLETE_WORDS

    lines = (
        "../outside/precious.txt\t4",
        "results.csv\t1",
        "precious.txt\t4",
        "a\tb",
        "\t",
        "/\t0",
        "x" * 9_999 + "\t1",
    )
    (place / "precious.txt").write_text("mine, and longer than the mark says")
    (place / "INCOMPLETE.txt").write_text(rng.choice((INCOMPLETE_WORDS, "mine\n")) + "\n".join(rng.sample(lines, 4)))


def _packs(rng: random.Random, place: Path) -> None:
    cache = place / ".specdid-cache"
    cache.mkdir(exist_ok=True)
    packs = sorted(cache.glob("*.pack"))
    if packs and rng.random() < 0.7:
        data = bytearray(packs[0].read_bytes())
        for _ in range(rng.choice((1, 60))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        packs[0].write_bytes(bytes(data))
    else:
        path = cache / rng.choice(("0001.pack", "9" * 200 + ".pack", "x.pack", "-1.pack", "0002.pack"))
        if not path.exists():
            path.write_bytes(rng.choice((b"", b"\x9especd1\n" * 999, os.urandom(64))))
    if rng.random() < 0.3:
        (cache / "notes.txt").write_text("mine")


def _strange_pack(rng: random.Random, place: Path) -> None:
    cache = place / ".specdid-cache"
    cache.mkdir(exist_ok=True)
    path = cache / "0007.pack"
    way = rng.randrange(3)
    if way == 0:
        path.symlink_to(rng.choice((_targets(place)[0], Path("/dev/zero"))))
    elif way == 1:
        os.mkfifo(path)
    else:
        path.mkdir()


def _missing(rng: random.Random, place: Path) -> None:
    for name in rng.sample(FILES, rng.randrange(1, len(FILES))):
        (place / name).unlink()


def _empty(rng: random.Random, place: Path) -> None:
    shutil.rmtree(place)
    if rng.random() < 0.5:
        place.mkdir()


KINDS: dict[str, Craft] = {
    "bits flipped": _flip, "cut": _cut, "other content": _other, "header": _header, "inside the header": _header_inside,
    "deep header": _header_deep, "column": _column, "cell": _cell, "rows": _rows, "another's parquet": _other_parquet,
    "manifest": _manifest, "deep manifest": _manifest_deep, "8 GiB": _large, "table": _table, "link": _link,
    "planted parts": _part, "linked directory": _linked_directory, "pipe": _pipe, "device": _device,
    "folder": _folder, "loop": _loop, "mark": _mark, "packs": _packs, "strange pack": _strange_pack,
    "missing": _missing, "empty": _empty,
}  # fmt: skip
