"""An output that cannot be made is lost alone: the others are whole, and all say so."""

import csv
from dataclasses import replace

import pytest
from small_studies import small_panel, small_study
from specdid import OutputError, _plugins, run
from toml_text import write_toml

STUDY = small_study(
    controls={"any": "csw0(x1)"}, figure={"formats": ["svg"]}, appendix={"formats": ["tex", "md", "docx"]},
    table={"T": {"vary": ["controls"]}},
)  # fmt: skip


def broken(*given, **named):
    raise ZeroDivisionError("a column of no width")


def break_figure(name):
    def patch(monkeypatch):
        real = _plugins.load

        def load(shelf, wanted):
            found = real(shelf, wanted)
            return replace(found, draw=broken) if (shelf, wanted) == ("figures", name) else found

        monkeypatch.setattr(_plugins, "load", load)

    return patch


def break_function(module, name):
    return lambda monkeypatch: monkeypatch.setattr(f"{module}.{name}", broken)


OUTPUTS = {
    "the figure of the curve": (break_figure("spec_curve"), {"curve.svg"}),
    "the figure volcano": (break_figure("volcano"), {"volcano.svg"}),
    "the figure multiverse": (break_figure("multiverse"), {"multiverse.svg"}),
    "appendix.docx": (break_function("specdid.appendix.word", "write_word"), {"appendix.docx"}),
    "the appendix": (
        break_function("specdid._run.appendix", "assemble"),
        {
            "appendix.docx", "appendix.md", "appendix.tex", "appendix_choices.tex", "appendix_choices_2.tex",
            "appendix_estimates.csv", "appendix_main.tex", "appendix_selected.csv", "appendix_selected.tex",
            "appendix_selected_2.tex",
        },
    ),
    "report.html": (break_function("specdid._run.report", "write_page"), {"report.html"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    run(STUDY, small_panel(), out=directory, jobs=1, audit=0)
    return directory


@pytest.mark.parametrize("what", OUTPUTS)
def test_the_others_are_whole_and_say_so(what, whole, tmp_path, monkeypatch):
    patch, lost = OUTPUTS[what]
    patch(monkeypatch)
    curve = run(STUDY, small_panel(), out=tmp_path, jobs=1, audit=0)
    made = {path.name for path in tmp_path.iterdir()}
    assert {path.name for path in whole.iterdir()} - made == lost
    assert (tmp_path / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()
    message = f"{what} could not be made: ZeroDivisionError: a column of no width (test_one_output_fails.py, line "
    assert next(str(c) for c in curve.warnings if c.code == "output_failed").startswith(f"output: {message}")
    with (tmp_path / "warnings.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["code"] == "output_failed"]
    assert [(r["severity"], r["where"]) for r in rows] == [("serious", "output")]
    assert what in (tmp_path / "summary.md").read_text()


def test_a_full_disk_is_no_output_that_fails_alone(tmp_path, monkeypatch):
    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("specdid.appendix.word.write_word", full)
    with pytest.raises(OutputError, match="No space left"):
        run(STUDY, small_panel(), out=tmp_path, jobs=1, audit=0)
    assert not (tmp_path / "results.csv").exists()


def test_the_command_line_says_so_and_exits_with_1(tmp_path, monkeypatch, capsys):
    from specdid._cli import main

    write_toml(STUDY, tmp_path / "spec.toml")
    small_panel().write_csv(tmp_path / "given.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("specdid._run.report.write_page", broken)
    with pytest.raises(SystemExit) as stop:
        main.main(args=["run", "spec.toml", "--jobs", "1", "--audit", "0", "--quiet"])
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert "internal error: output: report.html could not be made: ZeroDivisionError" in said
    assert "Traceback" not in said
    assert (tmp_path / "outputs" / "spec" / "results.csv").is_file()


def test_long_words_in_a_word_table_leave_every_column_some_width():
    from specdid.appendix.word import _inches
    from specdid.tables._base import PrintTable, Row

    label = "x" * 400
    for columns in (1, 5, 30):
        rows = (Row(label, tuple("9" * 90 for _ in range(columns))),)
        table = PrintTable("T", tuple("c" * 80 for _ in range(columns)), (rows,))
        widths = _inches(table)
        assert len(widths) == columns + 1
        assert min(widths) > 0
        assert sum(widths) == pytest.approx(6.5, abs=1e-6)
