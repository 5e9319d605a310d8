"""Nothing is imported from the working directory, which may be a stranger's clone: not by any process of a run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pace import patience
from small_studies import small_panel, small_study
from specdid.engine.distributed import NEEDS
from toml_text import write_toml

MODULES = (
    "distributed", "dask", "ray", "joblib", "pyfixest", "cloudpickle", "IPython", "scipy", "formulaic", "loky",
    "sitecustomize", "threadpoolctl",
)  # fmt: skip
STANDARD = ("pickle", "multiprocessing", "tempfile", "statistics", "fractions")
"""Modules that a program started with -m has imported before its first line are not among them."""
CANARY = "import pathlib; pathlib.Path({where!r}).touch(); raise SystemExit(99)\n"


@pytest.mark.parametrize(
    ("start", "backend"),
    # with threads there is no other process, and no other import, than with none
    [*(("specdid", b) for b in ("loky", "serial", "dask", "ray")), ("-m", "loky")],
)
def test_modules_beside_the_spec_do_not_run(tmp_path, backend, start):
    if backend in NEEDS:
        pytest.importorskip(NEEDS[backend])
    small_panel().write_csv(tmp_path / "given.csv")
    study = small_study(
        controls={"any": "csw0(x1)"},
        figure={"formats": ["svg"]},
        # pyfixest is imported by one process of one backend as by those of another
        estimator={"OLS": "feols", **({} if start == "-m" else {"PPML": "fepois"})},
        outcome={"z": "z"},
        run={"backend": backend, "jobs": 2},
        inference={"draws": 19},
    )
    write_toml(study, tmp_path / "spec.toml")
    for name in (*MODULES, *STANDARD):
        (tmp_path / f"{name}.py").write_text(CANARY.format(where=str(tmp_path / f"{name}.ran")))
    script = Path(sys.executable).with_name("specdid")
    audit = "3" if (start, backend) == ("specdid", "loky") else "0"  # the process of the audit is the same for each
    program = [str(script)] if start == "specdid" else [sys.executable, "-m", "specdid"]
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONSAFEPATH", "PYTHONPATH")}
    done = subprocess.run(
        [*program, "run", "spec.toml", "--quiet", "--audit", audit],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=patience(300),
    )
    assert [p.name for p in tmp_path.glob("*.ran")] == []
    assert done.returncode == 0, done.stderr
    assert backend in NEEDS or not done.stderr  # a slow machine makes dask warn of workers that take long to end
    assert (tmp_path / "outputs" / "spec" / "results.csv").is_file()
