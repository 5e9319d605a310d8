"""Places, close matches, and how a fault looks in a terminal."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specdid._diagnostics import (
    WIDEST_LINE,
    Document,
    Fault,
    Faults,
    Origin,
    Place,
    Span,
    SpecError,
    closest,
    did_you_mean,
    display_width,
    fault_at,
    file_order,
    render,
    render_all,
    written_path,
)

LINE = '"none" = "1 + pgpd"'
DOCUMENT = Document("specs/smart_city.toml", "\n" * 20 + LINE + "\n")


def origin_of(document: Document, text: str) -> Origin:
    start = document.text.index(text)
    return Origin(("controls", "none"), document, tuple(range(start, start + len(text) + 1)))


def caret_column(rendered: str) -> tuple[int, int]:
    """The terminal columns of the caret run, counted from the bar."""
    line = next(row for row in rendered.split("\n") if "^" in row)
    after = line.split("| ", 1)[1]
    return len(after) - len(after.lstrip(" ")), after.count("^")


def test_the_contracts_example():
    fault = fault_at(
        origin_of(DOCUMENT, "1 + pgpd"),
        Span(4, 8),
        "no_column",
        "no column `pgpd` in data/smart_city.csv",
        "did you mean `pgdp`?",
    )
    assert render(fault) == (
        "error: no column `pgpd` in data/smart_city.csv\n"
        "  --> specs/smart_city.toml:21:15\n"
        "   |\n"
        '21 | "none" = "1 + pgpd"\n'
        "   |               ^^^^\n"
        "   = help: did you mean `pgdp`?"
    )


def test_fault_of_a_dict_is_named_by_its_path():
    fault = Fault("no_column", "no column `pgpd`", help="did you mean `pgdp`?", path=("controls", "none"))
    assert render(fault) == ('error: no column `pgpd`\n --> controls."none"\n  = help: did you mean `pgdp`?')


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("study", "data"), "study.data"),
        (("controls", "none"), 'controls."none"'),
        (("variant", "zone trends", "yes", "absorb"), 'variant."zone trends"."yes".absorb'),
        (("exclude", "[1]", "when", "outcome"), "exclude[1].when.outcome"),
        (("event_study", "by batch", "window", "[0]"), 'event_study."by batch".window[0]'),
    ],
)
def test_written_path(path, text):
    assert written_path(path) == text


def test_label_notes_and_several_lines_of_help():
    fault = Fault("x", "wrong", Place("a.toml", 3, 1, 2, "ab"), "one\ntwo", label="here", notes=("n1", "n2"))
    assert render(fault) == (
        "error: wrong\n --> a.toml:3:1\n  |\n3 | ab\n  | ^^ here\n"
        "  = help: one\n          two\n  = note: n1\n  = note: n2"
    )


def test_all_faults_and_their_number():
    error, warning = Fault("a", "first"), Fault("b", "second", severity="warning")
    assert render_all([error, warning]) == "error: first\n\nwarning: second\n\n1 error, 1 warning\n"
    assert render_all([error, error, error]).endswith("\n\n3 errors\n")
    assert render_all([warning, warning]).endswith("\n\n2 warnings\n")
    assert render_all([]) == ""


@pytest.mark.parametrize(
    ("line", "marked", "column", "width"),
    [
        ('"无" = "人均 + pgpd"', "pgpd", 15, 4),
        ('"无" = "人均 + pgpd"', "人均", 8, 4),
        ('\t"a" = "pgpd"', "pgpd", 11, 4),
        ('"a"\t=\t"pgpd"', "pgpd", 13, 4),
        ('"e\u0301" = "pgpd"', "pgpd", 7, 4),
        ('"×" = "pgpd"', "pgpd", 7, 4),
        ('"a" = "log（x）"', "（", 10, 2),
    ],
)
def test_carets_line_up_in_a_terminal(line, marked, column, width):
    document = Document("a.toml", line)
    rendered = render(fault_at(origin_of(document, marked), None, "x", "wrong"))
    assert caret_column(rendered) == (column, width)
    source = rendered.split("\n")[3].split("| ", 1)[1]
    assert display_width(source[: source.index(marked)]) == column


@given(st.text(alphabet="ab 人均＋\t\u0301“", max_size=400), st.data())
def test_caret_stands_under_what_it_marks(line, data):
    start = data.draw(st.integers(0, len(line)))
    stop = data.draw(st.integers(start, len(line)))
    place = Document("a.toml", line + "\nnext").place(start, stop)
    rendered = render(Fault("x", "wrong", place)).split("\n")
    source, caret = rendered[3].removeprefix("1 |"), rendered[4].removeprefix("  |")
    assert display_width(source) <= WIDEST_LINE + 3
    column, width = caret.count(" ") - 1, caret.count("^")
    assert width >= 1
    if "\t" not in line and display_width(line) <= WIDEST_LINE:
        assert column == display_width(line[:start])
        assert width == max(1, display_width(line[start:stop] or line[start : start + 1]))


def test_a_long_line_is_cropped_around_the_caret():
    text = " + ".join(f"x{i}" for i in range(400))
    document = Document("a.toml", f'"many" = "{text} + pgpd + z"')
    rendered = render(fault_at(origin_of(document, "pgpd"), None, "x", "wrong"))
    source, caret = rendered.split("\n")[3:5]
    assert display_width(source) <= WIDEST_LINE + 6
    assert source.split("| ")[1].startswith("…")
    start = caret.index("^")
    assert source[start : start + 4] == "pgpd"
    early = render(fault_at(origin_of(document, "x1 "), None, "x", "wrong"))
    assert early.split("\n")[3].endswith("…")
    assert early.split("\n")[3].startswith('1 | "many"')


def test_a_terminal_is_never_obeyed():
    line = 'x = "\x1b[31mred\u202e\x07"'
    place = Place("a.toml", 1, 6, 3, line)
    fault = Fault("x", "no `\x1b]0;title\x07`", place, "say \u202ethis", notes=("\x9b1m",))
    rendered = render(fault)
    assert all(c == "\n" or unicodedata.category(c) not in {"Cc", "Cf"} for c in rendered)
    assert "\\u001b]0;title" in rendered


def test_a_message_is_one_line_and_short():
    rendered = render(Fault("x", "a\nb" + "c" * 10_000))
    assert "\n" not in rendered
    assert len(rendered) < 500


def test_colour_changes_nothing_but_codes():
    fault = fault_at(origin_of(DOCUMENT, "1 + pgpd"), Span(4, 8), "x", "wrong", "help", notes=("note",))
    coloured = render(fault, colour=True)
    assert coloured.startswith("\x1b[1;31merror\x1b[0m")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(fault)


def test_span_over_an_escape_covers_all_of_it():
    document = Document("a.toml", r'x = "a\u4e2db"')
    origin = Origin(("x",), document, (5, 6, 12, 13))
    place = origin.place(Span(1, 2))
    assert (place.column, place.length) == (7, 6)
    assert origin.place(Span(0, 1)).length == 1


def test_span_beyond_the_text_stays_in_it():
    origin = origin_of(DOCUMENT, "1 + pgpd")
    assert (origin.place(Span(90, 99)).column, origin.place(Span(90, 99)).length) == (19, 1)


def test_place_of_an_empty_text_is_its_quotes():
    document = Document("a.toml", 'x = ""')
    assert Origin(("x",), document, (5,)).place().column == 5
    assert Origin(("x",), document, (5,)).place().length == 2


def test_place_stops_at_the_end_of_its_line():
    document = Document("a.toml", 'x = """ab\ncd"""')
    assert Origin(("x",), document, tuple(range(7, 13))).place().length == 2


@pytest.mark.parametrize(
    ("word", "expected"),
    [("pgpd", "pgdp"), ("PGDP", "pgdp"), ("Ind_2", "ind2"), ("x", None), ("", None), ("ln_opne", "Ln_Open")],
)
def test_closest(word, expected):
    assert closest(word, ("pgdp", "ind2", "Ln_Open")) == expected


def test_did_you_mean():
    assert did_you_mean("pgpd", ["pgdp"]) == "did you mean `pgdp`?"
    assert did_you_mean("zzz", ["pgdp"]) is None


def test_file_order_drops_repetitions_and_puts_the_placeless_last():
    late, early = (Fault("x", "m", Place("a", line, 1, 1, "")) for line in (9, 2))
    nowhere = Fault("y", "n")
    assert file_order([nowhere, late, early, late]).items == (early, late, nowhere)


def test_faults_are_a_sequence():
    error, warning = Fault("a", "first"), Fault("b", "second", severity="warning")
    faults = Faults((error,)) + (warning,)  # noqa: RUF005 - the operator is what is tested
    assert (faults.errors, faults.warnings) == ((error,), (warning,))
    assert (faults[0], faults[1:], len(faults), list(faults)) == (error, (warning,), 2, [error, warning])
    assert SpecError(faults).faults is faults
    assert str(SpecError([error, warning])) == "first\nsecond"


@pytest.mark.parametrize("widest", [30, 53, 73])
def test_a_line_fits_a_narrow_terminal_with_its_caret_in_place(widest):
    line = 'controls = "' + " + ".join(f"x{k}" for k in range(40)) + ' + wrong"'
    place = Place("s.toml", 9, line.index("wrong") + 1, 5, line)
    source, marks = render(Fault("no_column", "no column `wrong`", place), widest=widest).splitlines()[3:5]
    assert display_width(source) <= widest + 4
    start = marks.index("^")
    assert source[start : start + 5] == "wrong"
