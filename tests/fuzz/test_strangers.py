"""Specs, data and results of strangers, damaged at random: no traceback, nothing runs, nothing outside is touched.

What no damage makes (pipes, devices, files of 4 TiB, entities of workbooks) is tested where such files are read.
"""

import io
import json
import os
import shutil
import sys
from pathlib import Path
from random import Random

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import call_specdid
from examples import examples
from hostile import CODE
from small_studies import small_panel, studies_of_every_table
from toml_text import write_toml

pytestmark = pytest.mark.filterwarnings("ignore")  # of numbers beyond all bounds
NEVER = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.connect",
    "socket.bind", "socket.getaddrinfo", "pickle.find_class", "os.link", "os.symlink",
)  # fmt: skip
WRITING = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree")
CANARY = "canary"
"""Stands in every text that would run code."""
ODD = (
    None, True, -1, 0, 2**40, 1e308, float("nan"), "", "x", [], {}, [[]], {"a": {"b": []}}, [None], "1", 10**30,
    "\x1b]0;owned\x07", "\u202etxt", "a\nb", "=cmd|' /C calc'!A0", "<script>canary</script>", "../../x", "x" * 30_000,
)  # fmt: skip


class Watch:
    """An audit hook, which cannot be taken away again: it looks while ``sandbox`` is set."""

    def __init__(self):
        self.sandbox, self.seen = "", []

    def __call__(self, event, given):
        if not self.sandbox:
            return
        sandbox, self.sandbox = self.sandbox, ""  # what follows is its own
        try:
            if event in NEVER or (event in ("compile", "exec", "import") and names_canary(given[0])):
                self.seen.append((event, str(given)[:300]))
            elif event in WRITING or (event == "open" and writes(given[2])):
                path = os.path.realpath(os.fsdecode(given[0])) if isinstance(given[0], str | bytes | Path) else ""
                if path and not path.startswith((sandbox, os.environ["XDG_STATE_HOME"], "/dev/", *HOMES)):
                    self.seen.append((event, path))
        finally:
            self.sandbox = sandbox


def names_canary(code):
    text = code.decode("utf-8", "replace") if isinstance(code, bytes) else str(code)
    return CANARY in f"{text} {getattr(code, 'co_names', '')} {getattr(code, 'co_consts', '')}"


def writes(flags):
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


HOMES = (sys.prefix, str(Path(__file__).resolve().parents[2]))
"""Where byte code is written."""
WATCH = Watch()


@pytest.fixture(scope="module")
def look():
    """Give a function that runs a command in a directory and judges what it did."""
    sys.addaudithook(WATCH)

    def run(directory, *command, what):
        WATCH.seen.clear()
        WATCH.sandbox = os.path.realpath(directory)
        try:
            done = call_specdid(command, directory)
        finally:
            WATCH.sandbox = ""
        said = done.stdout + done.stderr
        assert done.returncode in (0, 2, 3, 4, 5), (what, said)
        assert "Traceback (most recent call last)" not in said, what
        assert done.returncode != 2 or "error" in said.lower(), what
        assert not WATCH.seen, (what, WATCH.seen)
        assert not list(directory.glob(f"*{CANARY}*")), what
        return done

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("strangers")
    small_panel(units=12, periods=6).write_csv(directory / "small.csv")
    write_toml(studies_of_every_table()["plain"], directory / "warm.toml")
    return directory


def damaged(content, random, times=(1, 1, 4, 30)):
    """Flip, insert, cut, repeat bytes."""
    raw = bytearray(content)
    if random.random() < 0.2:
        del raw[random.randrange(len(raw) + 1) :]
    for _ in range(random.choice(times)):
        at = random.randrange(len(raw) + 1)
        match random.randrange(5):
            case 0 if at < len(raw):
                raw[at] = random.randrange(256)
            case 1:
                raw[at:at] = random.choice(
                    (b"\x00", b"\xff\xff\xff\x7f", b'"', b"[", b"{", b"=", b"\n", b"\\", b"\x1b")
                )
            case 2:
                del raw[at : at + random.randrange(1, 40)]
            case 3:
                raw[at:at] = raw[at : at + random.randrange(1, 400)] * 2
            case _:
                raw[at : at + 4] = random.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80", b"canary()"))
    return bytes(raw)


def changed(values, random):
    """Put something else in some place of a spec."""
    places = []

    def walk(one):
        for key, inner in one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ():
            if one is not values:
                places.append((one, key))
            walk(inner)

    walk(values)
    holder, key = random.choice(places)
    odd = [value for value in ODD if value is not None]  # TOML has no null
    holder[key] = random.choice((*odd, *(code.replace("os", CANARY) for code in CODE)))
    return values


@pytest.mark.parametrize("number", range(examples(120)))
def test_spec_files(number, place, look):
    random = Random(f"spec {number}")
    study = random.choice(list(studies_of_every_table().values()))
    path = place / "case.toml"
    if number % 2:
        path.write_bytes(damaged(write_toml(study, path).read_bytes(), random))
    else:
        text = write_toml(changed(study, random), path).read_text("utf-8")
        path.write_text(text.replace("= Infinity", "= inf").replace("= NaN", "= nan"), "utf-8")
    look(place, "check", "case.toml", what=f"spec {number}")


def written(frame, ending):
    out = io.BytesIO()
    match ending:
        case "csv":
            frame.write_csv(out)
        case "parquet":
            frame.write_parquet(out)
        case "xlsx":
            frame.to_pandas().to_excel(out, index=False)
        case "dta":
            frame.to_pandas().to_stata(out, write_index=False, version=118)
    return out.getvalue()


@pytest.mark.parametrize("number", range(examples(100)))
def test_data_files(number, place, look):
    random = Random(f"data {number}")
    ending = ("csv", "parquet", "xlsx", "dta")[number % 4]
    frame = small_panel(units=8, periods=5)
    if number % 3 == 0:
        texts = ("", "NA", "inf", "1e999", "１２", "1_000", "中文", "x" * 2_000, "\u202e", "=1+1", "<b>", "\\input{x}")
        name = random.choice(frame.columns)
        frame = frame.with_columns(pl.Series(name, [random.choice(texts) for _ in range(frame.height)]))
    elif number % 3 == 1 and ending != "dta":
        name, odd = random.choice(frame.columns), (1e308, 5e-324, 2.0**53, float("inf"), float("nan"), -0.0)
        frame = frame.with_columns(pl.Series(name, [random.choice(odd) for _ in range(frame.height)]))
    content = written(frame, ending)
    (place / f"data.{ending}").write_bytes(content if number % 3 != 2 and number % 5 else damaged(content, random))
    study = studies_of_every_table()["plain"]
    study["study"]["data"] = f"data.{ending}"
    write_toml(study, place / "data.toml")
    look(place, "check", "data.toml", what=f"data {number}: {ending}")


@pytest.fixture(scope="module")
def good(place, look):
    """A directory of results, and beside it what no command may touch."""
    study = studies_of_every_table()["plain"]
    study.update(inference={"draws": 39}, appendix={"formats": ["tex"]}, preferred={"outcome": "y"})
    write_toml(study, place / "spec.toml")
    done = call_specdid(["run", "spec.toml", "--out", "good", "--jobs", "1", "--quiet", "--audit", "0"], place)
    assert done.returncode == 0, done.stderr
    (place / "outside").mkdir()
    (place / "outside" / "precious.txt").write_text("mine")
    return place / "good"


FILES = ("results.parquet", "manifest.json", "inference.csv", "inference_bands.parquet")
TABLES = ("results.parquet", "inference_bands.parquet")


def rewritten(path, change):
    table = pq.read_table(path)
    header = json.loads(table.schema.metadata[b"specdid"])
    table = change(table, header)
    pq.write_table(table.replace_schema_metadata({b"specdid": json.dumps(header).encode()}), path)


def in_header(random, case):
    def change(table, header):
        key = random.choice(sorted(header))
        inside = header[key]
        if isinstance(inside, list | dict) and inside and random.random() < 0.5:
            inside[random.choice(sorted(inside) if isinstance(inside, dict) else range(len(inside)))] = random.choice(
                ODD
            )
        elif random.random() < 0.25:
            del header[key]
        else:
            header[key] = random.choice(ODD)
        return table

    rewritten(case / random.choice(TABLES), change)


def deep(random, case):
    path = case / random.choice(TABLES)
    text = random.choice((b"[" * 100_000, b'{"a":' * 100_000, b'{"version": 1, "title": ' + b"[" * 5_000))
    pq.write_table(pq.read_table(path).replace_schema_metadata({b"specdid": text}), path)
    (case / "manifest.json").write_bytes(text)


def in_columns(random, case):
    def change(table, header):
        at = random.randrange(table.num_columns)
        name, kind = table.schema.field(at).name, table.schema.field(at).type
        odd = {"string": (None, *(o for o in ODD if isinstance(o, str))), "double": (None, -1e308, float("nan"), -1.0)}
        cells = table.column(at).to_pylist()
        cells[random.randrange(len(cells))] = random.choice(odd.get(str(kind), (None, None)))
        return random.choice((
            lambda: table.remove_column(at),
            lambda: table.append_column(name, table.column(at)),
            lambda: table.set_column(at, name, pa.nulls(table.num_rows, kind)),
            lambda: table.set_column(at, name, pa.array(["x"] * table.num_rows)),
            lambda: table.set_column(at, name, pa.array([[1.0]] * table.num_rows)),
            lambda: table.set_column(at, pa.field(name, kind), pa.array(cells, kind)),
            lambda: table.slice(0, random.randrange(table.num_rows)),
            lambda: pa.concat_tables([table, table]),
        ))()  # fmt: skip

    rewritten(case / random.choice(TABLES), change)


def in_manifest(random, case):
    path = case / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    content[random.choice(sorted(content))] = random.choice(ODD)
    names = ("../outside/precious.txt", "/etc/hostname", "..", "a\0b", "sub/../../x")
    content["files"] = dict.fromkeys(names, 4)
    path.write_text(json.dumps(content), "utf-8")


def in_bytes(random, case):
    path = case / random.choice(FILES)
    path.write_bytes(
        random.choice((damaged(path.read_bytes(), random), b"", b"\0" * 4096, b"PAR1PAR1", b"[]", b"null"))
    )


def large(random, case):
    with (case / random.choice(FILES)).open("r+b") as file:
        file.truncate(2**33)  # sparse


def links(random, case):
    targets = [case.parent / "outside" / "precious.txt", case.parent / "outside", "/dev/zero", "curve.svg"]
    path = case / random.choice(
        (*FILES, "summary.md", "curve.svg", ".specdid.lock", "INCOMPLETE.txt", ".curve.svg.part")
    )
    path.unlink(missing_ok=True)
    path.symlink_to(random.choice(targets))
    shutil.rmtree(case / ".specdid-cache", ignore_errors=True)
    (case / ".specdid-cache").symlink_to(case.parent / "outside")


def marks(random, case):
    from specdid._records.read import INCOMPLETE_WORDS

    lines = ("../outside/precious.txt\t4", "results.csv\t1", "a\tb", "\t", "/\t0")
    (case / "INCOMPLETE.txt").write_text(random.choice((INCOMPLETE_WORDS, "mine\n")) + "\n".join(lines))


def missing(random, case):
    for name in random.sample(FILES, 2):
        (case / name).unlink()


KINDS = (in_bytes, in_header, deep, in_columns, in_manifest, large, links, marks, missing)


@pytest.mark.parametrize("number", range(examples(9 * len(KINDS))))
def test_directories(number, good, place, look):
    random, case = Random(f"directory {number}"), place / "case"
    shutil.copytree(good, case, symlinks=True)
    try:
        KINDS[number % len(KINDS)](random, case)
        what = f"{KINDS[number % len(KINDS)].__name__} {number}"
        for command in (("plot", "case", "--format", "svg"), ("compare", "good", "case"), ("clean", "case")):
            look(place, *command, what=what)
        if number % 4 == 0:
            look(place, "run", "spec.toml", "--out", "case", "--jobs", "1", "--quiet", "--audit", "0", what=what)
        assert (place / "outside" / "precious.txt").read_text() == "mine"
        assert [path.name for path in (place / "outside").iterdir()] == ["precious.txt"]
    finally:
        shutil.rmtree(case)


HOLES = ("open('/tmp/x_canary', 'w')", "__import__('os').system('true')", "eval('1 + len(\"canary\")')")


@pytest.mark.parametrize("hole", HOLES)
def test_the_watch_sees_what_it_is_there_to_see(hole, place, look):
    WATCH.seen.clear()
    WATCH.sandbox = str(place)
    try:
        eval(hole)
    finally:
        WATCH.sandbox = ""
    assert WATCH.seen
