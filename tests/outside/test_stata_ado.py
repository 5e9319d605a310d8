"""The Python part of stata/specdid.ado, with a stand-in for Stata's `sfi`; there is no Stata to test the rest."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
ADO = (ROOT / "stata/specdid.ado").read_text("utf-8")


class Stata:
    """Macros and what is shown, as `sfi` has them."""

    def __init__(self, program: str) -> None:
        self.locals: dict[str, str] = {}
        self.shown: list[str] = []
        self.wrong: list[str] = []
        macro = SimpleNamespace(
            getGlobal=lambda name: program if name == "SPECDID" else "",
            getLocal=lambda name: self.locals.get(name, ""),
            setLocal=self.locals.__setitem__,
        )
        toolkit = SimpleNamespace(displayln=self.shown.append, errprintln=self.wrong.append)
        self.sfi = SimpleNamespace(Macro=macro, SFIToolkit=toolkit)


def call(words: str, monkeypatch: pytest.MonkeyPatch, program: str | None = None) -> Stata:
    stata = Stata(str(Path(sys.executable).with_name("specdid")) if program is None else program)
    monkeypatch.setitem(sys.modules, "sfi", stata.sfi)
    (code,) = re.findall(r"^python:\n(.*?)^end$", ADO, re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(compile(code, "specdid.ado", "exec"), names)
    stata.locals["words"] = words
    names["specdid_call"]("words", "status")
    return stata


def test_a_check_is_shown_and_its_code_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good = call(f'"check" "{ROOT}/specs/training_grants.toml"', monkeypatch)
    assert good.locals["status"] == "0"
    assert any("no errors" in line for line in good.shown + good.wrong)
    bad = tmp_path / "with a space.toml"
    bad.write_text('[study]\ndata = "gone.csv"\noutcome = { formula = "y" }\n', "utf-8")
    fault = call(f'"check" "{bad}"', monkeypatch)
    assert fault.locals["status"] == "2"
    assert any("with a space.toml:" in line for line in fault.wrong)
    # Braces are markup in Stata: those of the excerpt of the file are escaped.
    told = "\n".join(fault.wrong)
    assert "{" not in told.replace("{c -(}", "").replace("{c )-}", "")


def test_a_missing_program_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("SPECDID", raising=False)
    stata = call('"check" "x"', monkeypatch, program="")
    assert stata.locals["status"] == "601"
    assert "pip install specdid" in stata.wrong[0]


def test_what_cannot_be_tested_here_says_so_and_hangs_together() -> None:
    help_file = (ROOT / "stata/specdid.sthlp").read_text("utf-8")
    for text in (ADO, help_file, (ROOT / "docs/howto/where-you-work.md").read_text("utf-8")):
        assert re.search("not (been )?tested in Stata", text, re.IGNORECASE)
    package = (ROOT / "stata/specdid.pkg").read_text("utf-8")
    assert all((ROOT / "stata" / name).exists() for name in re.findall(r"^f (\S+)$", package, re.MULTILINE))
    (options,) = re.findall(r"syntax anything\(.*?\) \[, (.*?)\]\n", ADO.replace("///\n", ""), re.DOTALL)
    for option in re.findall(r"[A-Z]+", re.sub(r"\(.*?\)", "", options)):
        assert f"{{opt {option.lower()}" in help_file, option
    assert ADO.count("{") == ADO.count("}")
    # Stata's quotes `" and "' and macros `x' come in pairs.
    stata_part = ADO.split("\npython:\n")[0]
    assert stata_part.count("`") == stata_part.count("'")
