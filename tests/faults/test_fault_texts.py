"""What a user reads for every wrong spec file, word by word.

A case is ``cases/<name>.toml`` with the expected text beside it in ``<name>.txt``. After a
wanted change of words: SPECDID_UPDATE_GOLDEN=1 pytest tests/faults, then read the diff. ``{estimators}`` and
``{nulls}`` stand for all that there are.
"""

import os
import re
from pathlib import Path

import pytest
import specdid
from specdid import _plugins
from specdid._diagnostics import render_all

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in CASES.glob("*.toml"))
UPDATE = os.environ.get("SPECDID_UPDATE_GOLDEN") == "1"


def text_of(name: str) -> str:
    found = render_all(specdid.check(f"{name}.toml"))
    for shelf, there_are in (("estimators", _plugins.names("estimators")), ("nulls", _plugins.nulls())):
        found = found.replace(", ".join(there_are), f"{{{shelf}}}")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_text(name, monkeypatch):
    monkeypatch.chdir(CASES)
    expected = CASES / f"{name}.txt"
    found = text_of(name)
    if UPDATE:
        expected.write_text(found, encoding="utf-8", newline="\n")
    assert found == expected.read_text("utf-8")
    assert re.search(r"^\d+ errors?(, \d+ warnings?)?\n\Z", found, re.MULTILINE)
    assert "Traceback" not in found


def test_every_text_belongs_to_a_case():
    assert {path.stem for path in CASES.glob("*.txt")} == set(NAMES)
    assert len(NAMES) >= 50
