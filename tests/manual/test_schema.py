"""The schema takes every spec of the repository, and refuses what the decoder refuses of its shape."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator
from specdid import _plugins
from specdid._cli import main
from specdid._decode import read_study
from specdid._format import (
    FILE,
    MATCH,
    OPTIONS,
    STUDY,
    Flag,
    Key,
    Many,
    Nested,
    NumberValue,
    TableKeys,
    TextValue,
    Word,
)
from specdid._manual import schema
from specdid._run.prepare import examine
from toml_text import write_toml

ROOT = Path(__file__).parents[2]
SPECS = [p for place in ("specs", "specdid/_example", "tests/specs") for p in sorted((ROOT / place).glob("*.toml"))]
VALIDATOR = Draft7Validator(schema())
TAPLO = Path(sys.executable).with_name("taplo")
BASE: dict[str, Any] = {"study": {"unit": "id", "time": "year", "outcome": "y", "treatment": "d"}}


def refused(spec: object) -> bool:
    return not VALIDATOR.is_valid(spec)


def test_it_is_a_schema_of_draft_7():
    Draft7Validator.check_schema(schema())
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    assert json.loads(result.output) == schema()


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.name)
def test_every_spec_of_the_repository_is_valid(path):
    errors = [(list(e.path), e.message) for e in VALIDATOR.iter_errors(tomllib.loads(path.read_text("utf-8")))]
    assert errors == []


def test_a_spec_that_extends_another_need_not_say_more():
    assert not refused({"study": {"extends": "base.toml"}})
    assert refused({"study": {"unit": "id"}})


def example(key: Key) -> Any:
    return tomllib.loads(f"x = {key.example}")["x"]


def shapes() -> Iterator[tuple[TableKeys, list[str]]]:
    """Every table with keys of its own, and where it stands in a spec."""
    for key in FILE.keys:
        if isinstance(key.kind, Nested):
            yield key.kind.table, [key.name]
    for name, option in OPTIONS.items():
        yield option, [name, "label"]
    yield MATCH, ["sample", "label", "match"]
    yield FILE["match"].kind.kind.table, ["match", "name"]
    yield FILE["variant"].kind.kind.kind.table, ["variant", "mine", "label"]
    yield FILE["vcov"].kind.kind.kinds[1].table, ["vcov", "label"]
    for name in ("exclude", "together"):
        yield FILE[name].kind.kind.table, [name, 0]
    yield FILE["data"].kind.kind.table, ["data", "name"]
    yield STUDY["reshape"].kind.table, ["study", "reshape"]
    for analysis in _plugins.every("analyses"):
        yield analysis.form, [analysis.name, "name"]


def spec_with(where: list[Any], table: dict[str, Any]) -> dict[str, Any]:
    """The smallest spec with this table in this place."""
    spec = copy.deepcopy(BASE)
    if where[0] == "study":
        return {"study": spec["study"] | (table if where == ["study"] else {where[1]: table})}
    if where[0] in OPTIONS:
        spec["study"].pop(where[0], None)
    inner: Any = table
    for part in reversed(where[1:]):
        inner = [inner] if part == 0 else {part: inner}
    return spec | {where[0]: inner}


def least(form: TableKeys) -> dict[str, Any]:
    """The keys that must be written."""
    needed = [key for key in form.keys if key.required] + [form[names[0]] for names, _ in form.needs]
    return {key.name: example(key) for key in needed}


def wrong_values(key: Key) -> Iterator[tuple[str, object]]:
    kind = key.kind
    if isinstance(kind, Many) and kind.exactly:
        yield "count", [1]
        yield "alone", 1
    if isinstance(kind, Many):
        kind = kind.kind
    if isinstance(kind, TextValue | Word):
        yield "type", 1
    elif not isinstance(kind, Flag):
        yield "type", True
    if isinstance(kind, Word):
        yield "word", "no such word"
    if isinstance(kind, Flag):
        yield "type", "yes"
    if isinstance(kind, NumberValue):
        yield "text", "many"
        if kind.whole:
            yield "fraction", 1.5
        for bound, step in ((kind.least, -1), (kind.above, 0), (kind.most, 1), (kind.below, 0), (kind.never, 0)):
            if bound is not None:
                yield "bound", bound + step


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Wrong specs: wrong types, values out of bounds, unknown keys, and keys that are missing."""
    for form, where in shapes():
        name = ".".join(map(str, where))
        right = least(form)
        for key in form.keys:
            if key.name != "at" or form.name != "mechanism":  # true is a value of its type there
                for what, value in wrong_values(key):
                    yield f"{name}.{key.name}: {what}", spec_with(where, right | {key.name: value})
        if not form.more:
            yield f"{name}: unknown", spec_with(where, right | {"no_such_key": 1})
        for missing in right:
            if where != ["study"]:
                yield f"{name}.{missing}: missing", spec_with(where, {k: v for k, v in right.items() if k != missing})
    for estimator in _plugins.every("estimators"):
        option = {"method": estimator.name, "no_such_setting": 1}
        yield f"{estimator.name}: unknown", spec_with(["estimator", "label"], option)
    yield "table", BASE | {"no_such_table": {"a": 1}}
    yield "study", {"outcome": {"a": "y"}, "treatment": {"d": "d"}}
    yield "outcome", {"study": {"unit": "id", "time": "year", "treatment": "d"}}
    yield "treatment", {"study": {"unit": "id", "time": "year", "outcome": "y"}}
    yield "address", BASE | {"run": {"address": "tcp://1.2.3.4:8786"}}
    yield "one bracket", BASE | {"exclude": {"when": {"outcome": "y"}, "because": "no"}}


WRONG = dict(cases())


@pytest.fixture(scope="module")
def panel():
    import pandas as pd

    return pd.DataFrame(
        [{"id": i, "year": t, "y": i * t % 7, "d": i % 2 * (t > 2)} for i in range(8) for t in range(5)]
    )


def test_wrong_specs_are_refused_by_schema_and_decoder(panel):
    assert len(WRONG) >= 100
    for name, spec in WRONG.items():
        assert refused(spec), name
        faults = read_study(spec)[1]
        if not faults.errors:  # analyses and estimators' settings are decoded with the data
            faults = examine(spec, panel)[1]
        assert any(shape(f.code) for f in faults.errors), (name, [f.code for f in faults])


def test_right_specs_that_the_wrong_ones_are_made_of_are_valid():
    assert not refused(BASE)
    for form, where in shapes():
        right = least(form)
        assert not refused(spec_with(where, right)), where
        for key in form.keys:
            if key.example and key.name != "mediator":
                assert not refused(spec_with(where, right | {key.name: example(key)})), (where, key.name)
                wrong = [f for f in read_study(spec_with(where, right | {key.name: example(key)}))[1] if shape(f.code)]
                assert not wrong, (where, key.name, wrong)


def shape(code: str) -> bool:
    return code in {
        "wrong_type",
        "unknown_key",
        "out_of_range",
        "bad_choice",
        "data_option",
        "missing_key",
        "missing_study",
    }


@pytest.mark.skipif(not TAPLO.exists(), reason="taplo is not installed")
def test_taplo_takes_right_specs_and_refuses_wrong_ones(tmp_path):
    """By the first line that `init` writes: what the editors' program says, whose reading of a schema is its own."""
    (tmp_path / "specdid.schema.json").write_text(json.dumps(schema()), "utf-8")
    right = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in SPECS}
    wrong = {str(k): spec for k, spec in enumerate(WRONG.values())}
    # taplo may end before its last words are written, so they are of a file that does not count.
    files = []
    for name, spec in {**right, **wrong, "last": wrong["0"]}.items():
        files.append(tmp_path / f"{name}.toml")
        write_toml(spec, files[-1])
        files[-1].write_text("#:schema ./specdid.schema.json\n" + files[-1].read_text("utf-8"), "utf-8")
    done = subprocess.run([TAPLO, "lint", *files], capture_output=True, text=True, encoding="utf-8", check=False)
    marked = {Path(path).stem for path in re.findall(r"┌─ (.+):\d+:\d+$", done.stderr, re.MULTILINE)}
    assert marked - {"last"} == set(wrong)


def test_a_starter_tells_editors_of_its_schema(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["init", "demo"]).exit_code == 0
    first = (tmp_path / "demo/demo.toml").read_text("utf-8").splitlines()[0]
    assert first == "#:schema ./specdid.schema.json"
    assert json.loads((tmp_path / "demo/specdid.schema.json").read_text("utf-8")) == schema()
