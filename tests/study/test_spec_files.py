"""Files that are no spec file: what is said, and that nothing is read that should not be."""

import os

import pytest
from specdid._decode import read_study
from specdid._diagnostics import render_all

GOOD = '[study]\ndata = "p.csv"\noutcome = "y"\ntreatment = "d"\n'


def said(path):
    study, faults = read_study(path)
    assert study is None
    return render_all(faults)


def test_missing_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smart_city.toml").write_text(GOOD)
    assert said("smart_ctiy.toml") == (
        "error: no file smart_ctiy.toml\n  = help: did you mean `smart_city.toml`?\n\n1 error\n"
    )
    assert "no file nowhere/a.toml" in said("nowhere/a.toml")


def test_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    assert "name a spec file (.toml)" in said("specs")


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", b"\xef\xbb\xbf"])
def test_empty_file(content, tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    assert "a.toml is empty" in said(path)
    assert "specdid init" in said(path)


def test_a_hundred_megabytes_are_not_read(tmp_path):
    path = tmp_path / "a.toml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    assert "has 100 MB; a spec file has at most 2 MB" in said(path)


def test_pipe_is_not_opened(tmp_path):
    path = tmp_path / "pipe.toml"
    os.mkfifo(path)
    assert "is not an ordinary file" in said(path)


def test_a_name_that_cannot_be_a_file():
    assert "error: " in said("a\0b.toml")
    assert "error: " in said("a" * 5000 + ".toml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(GOOD)
    path.chmod(0)
    assert "cannot be read" in said(path)


def test_latin1(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(GOOD.encode() + 'title = "Pollution à Paris"\n'.encode("latin-1"))
    assert "is not UTF-8: line 5" in said(path)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    study, faults = read_study(path)
    assert study is not None
    assert not faults


def test_windows_line_ends_move_no_caret(tmp_path):
    path = tmp_path / "a.toml"
    text = GOOD + '[controls]\n"a" = "log(x"\n"b" = """\nx +\n  log(y"""\n'
    path.write_bytes(text.replace("\n", "\r\n").encode())
    _, faults = read_study(path)
    assert [(f.place.line, f.place.column) for f in faults] == [(6, 11), (9, 6)]


@pytest.mark.parametrize(
    "data",
    [
        "https://x.org/a.csv",
        "file:///etc/passwd",
        "s3://b/a.parquet",
        "~/a.csv",
        "a.csv | sh",
        "*.csv",
        "a\tb.csv",
        "a\0.csv",
        "",
    ],
)
def test_data_that_is_no_path(data):
    study, faults = read_study({"study": {"outcome": "y", "treatment": "d", "data": data}})
    assert study.data is None
    assert [f.path for f in faults] == [("study", "data")]


def test_data_relative_to_the_spec_and_absolute(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(GOOD.replace("p.csv", "../d/p.csv"))
    assert read_study(path)[0].data == tmp_path / ".." / "d" / "p.csv"
    path.write_text(GOOD.replace("p.csv", "/d/p.csv"))
    assert read_study(path)[0].data.as_posix() == "/d/p.csv"
