"""Results of a small grid in which everything occurs: failed, excluded, duplicate, preferred."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from curves import fits_of, plan_of, subsets
from specdid._records import (
    Code,
    collect,
)


def grid(**options):
    options = {"scales": {"ln SO2": "log points"}, "vcovs": ("city", "robust")} | options
    dimensions = {"outcome": ["ln SO2", "SO2"], "fixed_effects": ["city + year", "city + province×year"]}
    return plan_of(dimensions, subsets("pgdp", "ind2"), **options)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def failed_vcov():
    planned = grid()
    fits = fits_of(planned)
    fits.vcov_code[2, 1] = 2
    fits.vcov_code[3, 0] = 5
    for name in ("std_error", "statistic", "p_value", "conf_low", "conf_high", "df"):
        getattr(fits, name)[2, 1] = np.nan
    return collect(planned, [replace(fits, vcov_detail={(3, 0): "lpdid has no two-way errors"})], ["x"])


def everything():
    planned = grid(excluded={0: "=levels, only"}, twins={9: 4}, preferred=5)
    fits = fits_of(planned, fails={1: Code.ABSORBED}, same={6: 5})
    own = np.where(np.arange(len(fits.index)) > 3, 0.25, np.nan)
    return collect(planned, [replace(fits, dropped={4: (0, 1)}, extra={"pre_p": own})], ["x", "z"])
