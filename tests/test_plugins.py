"""Plug-ins are found without being imported, used by name, and missed with a hint."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from pace import within
from specdid import _manual, _plugins, _words

DUMMY = "DECLARED_HERE = 'imported'\n{attribute} = ('dummy of', '{shelf}')\n"


@pytest.fixture(params=sorted(_plugins.DECLARED))
def shelf_with_dummy(request, tmp_path, monkeypatch):
    """Drop one file into a directory of the shelf's package, as a contributor would."""
    shelf = request.param
    (tmp_path / "dropped.py").write_text(DUMMY.format(attribute=_plugins.DECLARED[shelf], shelf=shelf))
    (tmp_path / "_private.py").write_text("raise RuntimeError('not a plug-in')\n")
    package = importlib.import_module(f"specdid.{shelf}")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    yield shelf
    sys.modules.pop(f"specdid.{shelf}.dropped", None)
    vars(package).pop("dropped", None)


def test_a_dropped_file_is_found_without_being_imported_and_used(shelf_with_dummy):
    names = _plugins.names(shelf_with_dummy)
    assert "dropped" in names
    assert "_private" not in names
    assert f"specdid.{shelf_with_dummy}.dropped" not in sys.modules
    assert _plugins.load(shelf_with_dummy, "dropped") == ("dummy of", shelf_with_dummy)


def test_the_estimators_of_the_contract_are_there():
    ours = {
        "feols",
        "fepois",
        "fenegbin",
        "logit",
        "probit",
        "sunab",
        "csdid",
        "did2s",
        "did_imputation",
        "stackedev",
        "sdid",
    }
    assert ours <= set(_plugins.names("estimators"))


def test_an_unknown_name_is_missed_with_the_closest_one():
    with pytest.raises(_plugins.PluginError, match="did you mean `fepois`"):
        _plugins.load("estimators", "fepoiss")
    with pytest.raises(_plugins.PluginError, match=f"there are {', '.join(_plugins.names('estimators'))}$"):
        _plugins.load("estimators", "zzz")
    with pytest.raises(_plugins.PluginError, match="no shelf `drawers`"):
        _plugins.names("drawers")


def test_a_module_that_declares_nothing_says_so(tmp_path, monkeypatch):
    package = importlib.import_module("specdid.exports")
    (tmp_path / "hollow.py").write_text("")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    with pytest.raises(_plugins.PluginError, match="declares no EXPORT"):
        _plugins.load("exports", "hollow")


def test_entry_points_of_other_distributions_are_found(tmp_path, monkeypatch):
    info = tmp_path / "outsider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[specdid.exports]\njulia = outsider_exports\n")
    (tmp_path / "outsider_exports.py").write_text("EXPORT = 'julia code'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert "julia" in _plugins.names("exports")
    assert "outsider_exports" not in sys.modules
    assert _plugins.load("exports", "julia") == "julia code"


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ({"zh": {"{n} rows": "{m} 行"}}, "other values"),
        ({"zh_kept": {"{n} rows": "{m} 行"}}, "values that its English has not once"),
        ({"zh_kept": {"{n} of {n}": "{n}"}}, "values that its English has not once"),
        ({"meanings": {"notes": {"x": "X."}}}, "no table `notes`"),
    ],
)
def test_words_of_a_plug_in_that_cannot_be_told_are_refused(texts, why):
    """As it is imported, not as a reader is told."""
    with pytest.raises(ValueError, match=why):
        _plugins.Own(**texts)


def test_no_plug_in_replaces_a_text_of_ours(monkeypatch):
    own = _plugins.Own(
        zh={"median": "X"},
        meanings={"warnings": {"pretrend": "X."}, "files.event_study": {"period": "X."}, "columns": {"theta": "X"}},
    )
    catalogue, entries = _words.catalogue("zh"), _manual.entries()
    monkeypatch.setattr(_plugins, "owned", lambda: {("figures", "x"): own})
    assert _words._with_others("zh")["median"] == catalogue["median"]
    said = {(e.group, e.name, e.text) for e in _manual.entries.__wrapped__()}
    assert said <= {(e.group, e.name, e.text) for e in entries}


def test_names_take_milliseconds():
    _plugins._entry_points.cache_clear()
    with within(0.05):  # 2 ms measured
        _plugins.names("estimators")


def test_declarations_load_no_estimation_library():
    code = (
        "import sys; from specdid import _plugins\n"
        "[_plugins.load('estimators', n) for n in _plugins.names('estimators')]\n"
        "print(sorted({'pyfixest', 'pandas', 'scipy', 'formulaic', 'matplotlib'} & set(sys.modules)))"
    )
    root = Path(_plugins.__file__).parent.parent
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
