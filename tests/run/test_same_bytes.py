"""Results are the same bytes for any hash seed, number of workers and backend."""

from __future__ import annotations

import hashlib

import pytest
from command import run_specdid
from small_studies import small_panel, small_study
from specdid import _plugins
from toml_text import write_toml

FILES = (
    "results.csv",
    "results.parquet",
    "summary.md",
    "details.md",
    "inference.csv",
    "inference_specifications.csv",
    "inference.tex",
    "choices.csv",
    "curve.svg",
    *(f"{figure.name}.svg" for figure in _plugins.every("figures") if figure.curve is not None),
    "report.html",
)
SETTINGS = [("0", "1", "serial"), ("1", "2", "loky"), ("2", "2", "threading")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    found = []
    for seed, jobs, backend in SETTINGS:
        directory = tmp_path_factory.mktemp(f"run{seed}")
        small_panel(units=30).write_csv(directory / "given.csv")
        study = small_study(
            controls={"any": "csw0(x1)"},
            weights={"none": "1", "w": "w"},
            fixed_effects={"two-way": "id + year"},
            estimator={"OLS": "feols", "SA": "sunab", "2S": "did2s", "LP": "lpdid"},
            exclude=[
                {"when": {"estimator": "2S", "outcome": "log z"}, "because": "its draws take longest"},
            ],
            inference={"draws": 9, "null": ["wild", "permutation"], "assign": "d + cohort"},
            run={"backend": backend},
            figure={"formats": ["svg"]},
        )
        write_toml(study, directory / "s.toml")
        done = run_specdid(["run", "s.toml", "--jobs", jobs, "--audit", "4"], directory, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
        # The report names the spec file's hash, which differs here with `backend`.
        spec = hashlib.sha256((directory / "s.toml").read_bytes()).hexdigest().encode()
        read = {name: (directory / "outputs/s" / name).read_bytes() for name in FILES}
        assert spec in read["report.html"]
        found.append({name: content.replace(spec, b"") for name, content in read.items()})
    return found


@pytest.mark.parametrize("name", FILES)
def test_same_bytes(runs, name):
    assert len(runs[0][name]) > 100
    assert runs[1][name] == runs[0][name]
    assert runs[2][name] == runs[0][name]
