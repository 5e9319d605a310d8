"""A run whose data are no Stata file loads no pandas: its import is a tenth of a small run."""

import subprocess
import sys

from small_studies import small_panel, small_study
from toml_text import write_toml

CHILD = """
import sys
from specdid._cli import main
try:
    main.main(["run", "s.toml", "--audit", "0", "--jobs", "1", "--quiet"])
finally:
    print([name for name in ("pandas", "statsmodels", "sklearn") if name in sys.modules])
"""


def test_no_heavy_library_that_is_not_needed(tmp_path):
    small_panel().write_csv(tmp_path / "given.csv")
    write_toml(small_study(inference={"draws": 9, "null": ["wild"]}), tmp_path / "s.toml")
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
    assert (tmp_path / "outputs/s/results.parquet").exists()
