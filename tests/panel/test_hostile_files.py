"""Files that are not what they seem, and those that would fill the memory: refused before they do."""

import os
import resource

import polars as pl
import pytest
import specdid
from frames_as_panels import bare_study
from fuzz_excel import workbook
from specdid.panel import memory, read_panel
from specdid.panel.cells import ReadError
from specdid.panel.files import read_columns


def refused(path, name="d"):
    with pytest.raises(ReadError) as caught:
        read_columns(path, name)
    return caught.value


def test_an_ending_that_cannot_be_read_is_refused_unread(tmp_path):
    """Nobody's private files are opened to find that they are no data."""
    path = tmp_path / "secret.txt"
    path.write_text("secret")
    path.chmod(0)
    assert refused(path).code == "data_format"


@pytest.mark.parametrize("name", ["a" * 300 + ".csv", "b/" * 3000 + "c.csv"])
def test_a_name_that_no_system_takes(tmp_path, name):
    error = refused(tmp_path / name, "d.csv")
    assert error.code in ("not_readable", "no_file")
    assert "d.csv" in error.message


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "d.csv")
    assert refused(tmp_path / "d.csv").message == "`d` is no regular file"


@pytest.mark.parametrize(
    ("target", "code"), [("/dev/zero", "not_readable"), ("/proc/self/environ", "empty_file"), ("d.csv", "no_file")]
)
def test_links_to_devices_to_the_process_and_to_themselves(tmp_path, target, code):
    (tmp_path / "d.csv").symlink_to(target)
    assert refused(tmp_path / "d.csv").code in (code, "not_readable")


@pytest.mark.parametrize("ending", [".csv", ".dta", ".xlsx"])
def test_a_file_larger_than_memory_is_refused_unread(tmp_path, ending):
    path = tmp_path / f"d{ending}"
    with path.open("wb") as file:
        file.truncate(2**42)
    error = refused(path)
    assert error.code == "too_large"
    assert "MB are free" in error.message
    assert ".parquet" in error.help


def test_a_parquet_of_more_cells_than_memory_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "d.parquet"
    pl.select(a=pl.int_range(100_000)).with_columns(b=pl.lit(1.0)).write_parquet(path)
    assert read_columns(path, "d").n_rows == 100_000
    monkeypatch.setattr("specdid.panel.files.available", lambda: 5e6)
    assert refused(path).code == "too_large"
    assert read_columns(path, "d", lambda names: ["a"]).n_rows == 100_000


def test_memory_knows_the_limit_of_the_process():
    before = resource.getrlimit(resource.RLIMIT_AS)
    free = memory.available()
    assert 0 < free < float("inf")
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
    resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 1024**2, before[1]))
    try:
        assert memory.available() <= 200 * 1024**2
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("far", ["XFD1048576", "A1048576000", "ZZZZZ5000"])
def test_a_sheet_with_a_cell_far_away_is_refused(tmp_path, far):
    """Read, every empty cell between takes memory, and the reader ends the process when there is none."""
    path = tmp_path / "d.xlsx"
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row><row r="2"><c r="A2"><v>1</v></c></row>'
    path.write_bytes(workbook(rows))
    assert read_columns(path, "d").n_rows == 1
    path.write_bytes(workbook(rows + f'<row><c r="{far}"><v>1</v></c></row>'))
    error = refused(path)
    assert error.code == "too_large"
    assert "nearly all of them empty" in error.message


def test_a_far_row_without_cells_of_its_own_is_refused(tmp_path):
    path = tmp_path / "d.xlsx"
    path.write_bytes(workbook("<row r='1'><c><v>1</v></c></row><row r='1000000000'><c><v>1</v></c></row>"))
    assert refused(path).code == "too_large"


def test_a_styled_empty_cell_far_away_does_no_harm(tmp_path):
    path = tmp_path / "d.xlsx"
    first = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
    path.write_bytes(workbook(first + '<row r="2"><c r="A2"><v>1</v></c><c r="XFD2" s="1"/></row>'))
    assert read_columns(path, "d").columns["a"].numbers.tolist() == [1.0]


@pytest.mark.parametrize("declared", ["SYSTEM 'file:///etc/passwd'", "'&b;&b;&b;'"])
def test_entities_of_a_workbook_are_not_followed(tmp_path, declared):
    path = tmp_path / "d.xlsx"
    prologue = f"<!DOCTYPE x [<!ENTITY b 'lol'><!ENTITY e {declared}>]>"
    sheet = '<row><c t="inlineStr"><is><t>a</t></is></c></row><row><c t="inlineStr"><is><t>&e;</t></is></c></row>'
    path.write_bytes(workbook(sheet, prologue=prologue))
    try:
        found = read_columns(path, "d").columns["a"]
    except ReadError:
        return
    assert "root:" not in "".join(found.levels)
    assert "lollol" not in "".join(found.levels)


def test_a_file_that_changes_while_it_is_read_is_said(tmp_path, monkeypatch):
    path = tmp_path / "d.parquet"
    pl.DataFrame({"a": [1.0]}).write_parquet(path)

    def meanwhile(names):
        path.write_bytes(path.read_bytes() + b"\0")
        return []

    with pytest.raises(ReadError, match=r"changed while|damaged"):
        read_columns(path, "d", meanwhile)


def test_a_pattern_that_matches_what_cannot_be_used(tmp_path):
    frame = pl.DataFrame({"y": [1.0, 2.0, 3.0], "d": [0, 1, 0], "x1": [1.0, 2.0, 4.0], "x2": [[1], [2], [3]]})
    study = {"study": {"title": "x"}, "outcome": {"y": "y"}, "treatment": {"d": "d"}, "controls": {"c": "regex('^x')"}}
    (fault,) = specdid.check(study, frame).errors
    assert (fault.code, fault.help) == ("column_type", "narrow the pattern")
    assert fault.message == "the pattern matches `x2`, which holds List(Int64) and cannot be used"


def test_no_memory_is_a_message_and_not_a_traceback(tmp_path, monkeypatch, capsys):
    from specdid._cli import main
    from specdid._cli.exits import Exit

    def none(spec):
        raise MemoryError

    monkeypatch.setattr("specdid._cli.commands.check_spec", none)
    with pytest.raises(SystemExit) as stop:
        main.main(args=["check", "x.toml"], prog_name="specdid")
    assert stop.value.code == Exit.SPEC
    said = capsys.readouterr().err
    assert said == "error: there is not enough memory for this study; take fewer rows or options\n"


def test_a_pandas_memory_error_is_a_fault(tmp_path, monkeypatch):
    (tmp_path / "d.dta").write_bytes(b"x" * 100)

    def none(raw, wanted):
        raise MemoryError

    monkeypatch.setattr("specdid.panel.files.read_stata", none)
    _, (fault,) = read_panel(bare_study("d.dta", directory=tmp_path))
    assert fault.code == "too_large"
