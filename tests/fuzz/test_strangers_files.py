"""A part of tests/bench/fuzz.py: files of strangers never bring a traceback, a hang or the running of code."""

import io
import os
import zipfile
from functools import cache

import fuzz_keeper
import pytest
from fuzz_bases import lay_out
from fuzz_data import KINDS as DATA_KINDS
from fuzz_data import data_case as made_case
from fuzz_keeper import Case, Keeper
from fuzz_specs import KINDS as SPEC_KINDS
from fuzz_specs import spec_case
from pace import patience

SPECS, DATA = 40, len(DATA_KINDS)
"""Of the many more that tests/bench/fuzz.py makes; what is below sees that each kind is among them."""

data_case = cache(made_case)


@pytest.fixture(scope="module")
def cage(tmp_path_factory):
    sandbox = tmp_path_factory.mktemp("strangers")
    bases = lay_out(sandbox)
    warm = next(base.text for base in bases if base.name == "estimators")
    (sandbox / "warm.toml").write_text(warm, encoding="utf-8")
    with Keeper(sandbox, "warm.toml") as keeper:
        yield keeper, bases


def test_spec_files(cage):
    keeper, bases = cage
    before = keeper.tally.cases.total()
    for n in range(SPECS):
        keeper.try_one(spec_case(bases, n))
    assert keeper.tally.cases.total() - before == SPECS
    assert keeper.tally.findings == []
    assert {kind for kind, _ in SPEC_KINDS} <= set(keeper.tally.cases)
    assert {0, 2} <= {code for _, code in keeper.tally.codes}


def test_data_files(cage):
    keeper, _ = cage
    for n in range(DATA):
        keeper.try_one(data_case(n))
    assert keeper.tally.findings == []
    assert {kind for kind, _ in DATA_KINDS} <= set(keeper.tally.cases)


@pytest.mark.parametrize("number", [3, 77])
def test_a_case_is_a_function_of_its_number(cage, number):
    _, bases = cage
    assert spec_case(bases, number) == spec_case(bases, number)
    assert made_case(number) == made_case(number)


WATCHED = {
    "open": "open('/etc/hostname').read()",
    "write": "open('/tmp/canary_fuzz', 'w').close()",
    "system": "__import__('os').system('true')",
    "subprocess": "__import__('subprocess').run(['true'])",
    "socket": "__import__('socket').socket().connect(('127.0.0.1', 9))",
    "eval": "eval('1 + canary' if False else '1 + 1')",
    "exec": "exec('x = 1')",
    "fork": "__import__('os').fork() or __import__('os')._exit(0)",
}


def test_the_cage_sees_what_it_is_there_to_see(tmp_path):
    """Each misdeed, done by a study that stands in for a hole, is noted."""
    import subprocess
    import sys
    from pathlib import Path

    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; import fuzz_cage, specdid._cli.checking as c\n"
        f"holes = [compile(w, sys.argv[1] + '/../../specdid/hole.py', 'eval') for w in {list(WATCHED.values())!r}]\n"
        "c.check_specs = lambda specs, form: eval(hole) and 0 or 0\n"
        "watch = fuzz_cage.Watch(Path(sys.argv[2])); sys.addaudithook(watch)\n"
        "for hole in holes:\n"
        "    watch.events.clear()\n"
        "    print(len(fuzz_cage.run_command(['check', 'x.toml'], watch)['events']))\n"
    )
    helpers = Path(__file__).parents[1] / "helpers"
    environment = {**os.environ, "PYTHONPATH": str(helpers.parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program, str(helpers), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=patience(300),
    )
    seen = dict(zip(WATCHED, map(int, done.stdout.split()), strict=True))
    assert all(seen.values()), (seen, done.stderr)


STAND_IN = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    command = json.loads(line)[0]
    while command == "hang":
        pass
    if command == "die":
        raise SystemExit(7)
    print(json.dumps({"code": 1 if command == "fail" else 0, "stdout": "", "stderr": "Traceback (most recent call last)"
                      if command == "fail" else "", "events": [], "seconds": 0.1, "peak": 1.0}), flush=True)
"""


def test_the_keeper_stops_what_hangs_and_names_what_dies(tmp_path, monkeypatch):
    stand_in = tmp_path / "cage.py"
    stand_in.write_text(STAND_IN, encoding="utf-8")
    monkeypatch.setattr(fuzz_keeper, "CAGE", stand_in)
    monkeypatch.setattr(fuzz_keeper, "PATIENCE", 400)  # of .3 s: on a busy machine an answer takes longer
    with Keeper(tmp_path, "warm.toml", seconds=0.3) as keeper:
        for word in ("hang", "die", "fail", "check"):
            keeper.try_one(Case(f"{word}: 1", {}, ((word,),)))
    assert [(f.kind, f.command) for f in keeper.tally.findings] == [
        ("hang", "hang"),
        ("died", "die"),
        ("exit code", "fail"),
        ("traceback", "fail"),
    ]
    assert keeper.tally.restarts == 4
    assert keeper.tally.codes == {("fail", 1): 1, ("check", 0): 1}


def test_no_data_case_holds_the_time_of_day():
    """A finding must come again tomorrow: workbooks and Stata files have a fixed date."""
    workbooks = stata = 0
    for n in range(2 * DATA):
        if DATA_KINDS[n % DATA][0].startswith("parquet"):  # of no date, and some take a second to make
            continue
        case = data_case(n)
        (name, content), *_ = case.files.items()
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                workbooks += 1
                assert {entry.date_time[0] for entry in archive.infolist()} == {1980}, (n, name)
        elif case.name.startswith("Stata:"):
            stata += 1
            assert b"01 Jan 2026 00:00" in content, (n, name)
    assert workbooks > 5
    assert stata > 1
