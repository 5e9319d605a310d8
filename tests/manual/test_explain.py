"""Every key, plug-in, function, column and code of the program has an entry, and no entry is of nothing."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import specdid
from click.testing import CliRunner
from specdid import _manual, _plugins
from specdid._cli import main
from specdid._columns import COLUMNS, OF_ESTIMATORS, OF_INSTRUMENTS
from specdid._format import FILE, Either, Kind, Lines, Many, NumberValue
from specdid._manual.entries import choices, formats
from specdid._records.cautions import CLAUSES
from specdid._records.results import CODES
from specdid._study import STATISTICS
from specdid.language import FUNCTIONS
from specdid.language.functions import SAMPLE_PATTERNS

PACKAGE = Path(specdid.__file__).parent
FAULTS = {
    "Fault": 0, "fault_at": 2, "add": 1, "Mistake": 0, "note": 0, "ReadError": 0, "EvaluationError": 0,
    "time_fault": 1, "_fault": 0, "Remark": 0, "_warning": 1, "_at": 1, "_refused": 0,
    "_cells_apart": 0,
}  # fmt: skip
"""What makes a fault -> where its code stands among the arguments."""
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def texts(node: ast.expr, scope: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The texts that an argument can be: constants, both sides of a choice, what its variable is set to."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*texts(body, scope), *texts(orelse, scope))
        case ast.Name(id=name):
            for value in scope.get(name, ()):
                yield from texts(value, {})


def scope_of(function: ast.AST) -> dict[str, list[ast.expr]]:
    """What each variable of a function is set to, by assignment or as an element of a tuple that is unpacked."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        for target, value in pairs:
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs += zip(target.elts, value.elts, strict=False)
            elif isinstance(target, ast.Name):
                found.setdefault(target.id, []).append(value)
    return found


@cache
def calls() -> list[tuple[str, str, list[ast.expr], dict[str, list[ast.expr]]]]:
    """All calls of the program: name, module, arguments in place, what variables are set to there."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for part in (tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))):
            scope = scope_of(part) if part is not tree else {}
            for node in ast.walk(part):
                if isinstance(node, ast.Call):
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    given = [a for arg in node.args for a in ([arg] * (1 + isinstance(arg, ast.Starred)))]
                    found.append((name, path.stem, given, scope))
    return found


def codes(places: dict[str, int], but: tuple[str, ...] = ()) -> set[str]:
    """The codes that calls of the program hand over in these places."""
    found = set()
    for name, module, given, scope in calls():
        place = places.get(name)
        if place is not None and (name, module) not in but and len(given) > place + 1:
            found |= {t for t in texts(given[place], scope) if CODE.fullmatch(t)}
    return found


def named(group: str) -> set[str]:
    return {entry.name for entry in _manual.entries() if entry.group == group}


def test_faults():
    found = codes(FAULTS, (("note", "spec_curve"), ("_at", "comparison"), ("add", "compile")))
    assert named("faults") == found


def test_warnings():
    assert named("warnings") == codes({"Caution": 1}) | (set(CLAUSES) - named("faults"))


def test_results():
    assert named("results") == set(CODES) - {""}


def test_plugins_functions_and_keys():
    assert named("estimators") == set(_plugins.names("estimators"))
    assert named("nulls") == set(_plugins.names("inference"))
    assert named("matching") == set(_plugins.names("matching"))
    assert named("functions") == {*FUNCTIONS, *SAMPLE_PATTERNS}
    tables = {table.name: table for table in formats() if table is not FILE}
    assert named("tables") == set(tables) >= {*_plugins.names("analyses"), "study", "match", "lpdid"}
    assert named("keys") == {*FILE.names, *(f"{name}.{key}" for name, table in tables.items() for key in table.names)}


def test_commands_of_others():
    """What the entry of a command names here exists."""
    assert {"reghdfe", "areg", "xtreg", "ppmlhdfe", "felm", "att_gt", "eventstudyinteract"} <= named("commands")
    tables = {table.name for table in formats()}
    keys = {name for table in formats() for name in table.names}
    functions = {*FUNCTIONS, "x"}
    for one in _manual.entries():
        if one.group == "commands":
            assert set(re.findall(r"`(\w+)`", one.text)) <= {
                *_plugins.names("estimators"),
                *tables,
                *keys,
                *functions,
            }, one
            assert set(re.findall(r"\[([a-z_]+)[\].]", one.text)) <= {*tables, *FILE.names, "inference"}, one


def test_columns():
    """Every column that an estimator of the package adds is described, and none that no estimator has."""
    own = {name for one in _plugins.owned().values() for name in one.meanings.get("columns", ())}
    of_estimators = [*own, *(c.name for c in OF_ESTIMATORS)]
    assert sorted(of_estimators) == sorted({c for e in _plugins.every("estimators") for c in e.columns})
    assert named("columns") == {*own, *(c.name for c in (*COLUMNS, *OF_INSTRUMENTS, *OF_ESTIMATORS))}


PLAIN = Path(__file__).parent / "plain_words.txt"
"""Short words of figures, tables and pages that need no entry: plain English."""


def test_terms_of_figures_tables_and_pages_have_an_entry():
    """Every short text that several say is explained or on a list of plain words, which holds no others."""
    catalogue = tomllib.loads((PACKAGE / "_words/zh.toml").read_text("utf-8"))
    short = {text.strip(" ,;:.").casefold() for text in catalogue if len(text.split()) <= 3 and "{" not in text}
    unknown = {text for text in short if re.search(r"[a-z]", text) and not _manual.find(text)}
    plain = set(PLAIN.read_text("utf-8").splitlines())
    assert unknown <= plain <= short


def test_what_is_measured_has_an_entry():
    """The statistics of inference.csv and what choices.csv measures are explained."""
    tree = ast.parse((PACKAGE / "_run/describe.py").read_text("utf-8"))
    (writer,) = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_choices_csv")
    measures = [
        k.value for d in ast.walk(writer) if isinstance(d, ast.Dict) for k in d.keys if isinstance(k, ast.Constant)
    ]
    assert len(measures) == 5
    for word in (*measures, "variance share", "mean change", *STATISTICS, "trend_80", "log points", "bin", "breakdown"):
        assert _manual.find(str(word)), word
    assert _manual.find("log odds") == _manual.find("Log  Odds")
    assert _manual.find("effective cluster") == ()
    assert _manual.find("effective clusters")
    assert _manual.find("null ranges") == _manual.find("null range") != ()


def numbers(kind: Kind) -> Iterator[NumberValue]:
    match kind:
        case NumberValue():
            yield kind
        case Many(inner) | Lines(inner):
            yield from numbers(inner)
        case Either(kinds):
            for one in kinds:
                yield from numbers(one)


def test_bounds_are_what_their_words_say():
    patterns = (
        (r"(-?\S+)(?: \(no test\))? or more", "least"), (r"(-?\S+) or less", "most"), (r"above (\S+?)\b", "above"),
        (r"below (\d\S*?)(?:[: ]|$)", "below"), (r"up to (\S+)", "most"),
        (r"from (\S+) to", "least"), (r"from \S+ to (\S+)", "most"),
    )  # fmt: skip
    count = 0
    for key in (key for table in formats() for key in table.keys):
        for number in numbers(key.kind):
            words = {field: m[1] for p, field in patterns if (m := re.search(p, number.rule))}
            said = {field: float(text.replace(",", "")) for field, text in words.items()}
            bounds = {field: getattr(number, field) for field in ("least", "most", "above", "below")}
            if number.never is None and number.rule:
                assert said == {field: bound for field, bound in bounds.items() if bound is not None}, key.name
                count += 1
    assert count >= 12


def test_every_example_is_toml():
    for table in formats():
        for key in table.keys:
            if key.example:
                assert tomllib.loads(f"{key.name} = {key.example}"), key


def test_every_entry_is_found_and_fits_a_screen():
    for entry in _manual.entries():
        for word in (entry.name, entry.last):
            found = _manual.find(word)
            assert entry in found
            lines = _manual.screen(found).splitlines()
            assert max(len(line) for line in lines) <= 100, word
            assert len(lines) <= 30, word


def said(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["explain", *words])
    return result.exit_code, result.output


def test_words_are_found_as_they_are_written():
    for words in (
        ("event_study.window",),
        ("window",),
        ("[event_study]",),
        ("winsorize()",),
        ("..macro",),
        ("median", "t"),
    ):
        assert said(*words)[0] == 0
    assert "event_study.window" in said("window")[1]
    assert "from seven before" in said("window")[1]
    assert "winsorize(x, p, by = g)" in said("Winsorize")[1]


def test_every_word_that_a_key_may_be_set_to_is_known():
    words = {word for table in formats() for key in table.keys for word in choices(key.kind)}
    assert {"notyet", "dr", "nearest"} <= words
    assert not [word for word in sorted(words) if not _manual.find(word)]
    assert {entry.name for entry in _manual.find("notyet")} == {
        "csdid.control", "lpdid.control", "stackedev.control", "sunab.control",
    }  # fmt: skip


def test_a_word_that_is_not_known_is_a_fault_with_the_nearest_one():
    code, text = said("no_outcome_variaton")
    assert code == 2
    assert "did you mean `no_outcome_variation`?" in text


def test_without_a_word_the_groups_are_listed_and_each_group_can_be():
    code, text = said()
    assert code == 0
    assert all(f"\n{group} (" in f"\n{text}" for group in _manual.GROUPS)
    assert max(map(len, text.splitlines())) <= 100
    for group in _manual.GROUPS:
        shown = said(group)[1]
        assert len(shown.splitlines()) <= 55, group


def test_the_search_finds_codes_in_variables():
    """The search finds codes however they are handed over."""
    tree = ast.parse("def f():\n    code = 'a_b' if x else 'c_d'\n    log.add(o, code, 'm')\n").body[0]
    call = next(n for n in ast.walk(tree) if isinstance(n, ast.Call))
    assert set(texts(call.args[1], scope_of(tree))) == {"a_b", "c_d"}


def test_every_row_of_a_table_of_the_manual_has_a_cell_for_each_heading():
    width = 0
    for line in _manual.markdown().splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not width or not cells or cells == width, line
        width = cells


def test_the_reference_manual_is_up_to_date():
    stored = Path(__file__).parents[2] / "docs/reference.md"
    if os.environ.get("SPECDID_UPDATE_GOLDEN"):
        stored.write_text(_manual.markdown(), encoding="utf-8", newline="\n")
    assert _manual.markdown() == stored.read_text("utf-8")


@pytest.mark.parametrize("word", ["##", "#", "drimp", "dripw"])
def test_what_stata_users_type_is_answered(word):
    assert _manual.find(word)
