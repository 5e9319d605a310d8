"""The Stata programs' corrections: what reghdfe counts under dofadjustments(clusters) is what specdid counts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from specdid._programs.script import Errors
from specdid._programs.stata import _COUNTED, uncorrected
from specdid._study import RULES
from specdid.engine.demean import relevel
from specdid.engine.ssc import absorbed_parameters, correction, variance_factor

LEVELS = (40, 12, 75)


def reghdfe_df(k: int, levels: tuple[int, ...], nested: tuple[bool, ...], slopes: int) -> int:
    """Count reghdfe's df_m + df_a, and one for the constant where an effect is nested.

    As its DoF.mata does without pairwise and continuous: every intercept after the first
    is redundant once, all of them where one is nested, a nested one wholly, slopes never.
    """
    absorbed, first = slopes, True
    for size, inside in zip(levels, nested, strict=True):
        if inside:
            continue
        absorbed += size - (0 if first and not any(nested) else 1)
        first = False
    return k + absorbed + int(any(nested))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("slopes", [0, 40])
def test_parameters_and_factor(count, slopes):
    for nested in itertools.product((False, True), repeat=count):
        levels = LEVELS[:count]
        ours = 5 + int(absorbed_parameters(np.array(levels), np.array(nested), slopes))
        theirs = reghdfe_df(5, levels, nested, slopes)
        assert ours == theirs
        factor = (500 - 1) / (500 - theirs) * 30 / 29
        assert float(variance_factor("cluster", 500, ours, 30)) == pytest.approx(factor, rel=1e-14)


def test_without_clusters():
    ours = 5 + int(absorbed_parameters(np.array(LEVELS)))
    assert ours == reghdfe_df(5, LEVELS, (False,) * 3, 0)
    assert float(variance_factor("hetero", 500, ours)) == pytest.approx(500 / (500 - ours))
    assert float(variance_factor("iid", 500, ours)) == pytest.approx(1 / (500 - ours))


def test_ppmlhdfe_lacks_only_the_factor_that_the_program_adds():
    """Clustered, ppmlhdfe has G / (G - 1) alone; robust, N / (N - 1)."""
    k = 5 + int(absorbed_parameters(np.array([40, 12]), np.array([True, False])))
    added = (500 - 1) / (500 - k)
    assert float(variance_factor("cluster", 500, k, 30)) == pytest.approx(30 / 29 * added)
    assert float(variance_factor("hetero", 500, k)) == pytest.approx(500 / 499 * added)


@pytest.mark.parametrize("kind", ["iid", "hetero", "cluster"])
@pytest.mark.parametrize("rule", RULES)
def test_what_a_stata_program_multiplies_reghdfe_by(kind, rule):
    """The program's own words, evaluated: what reghdfe made of dofadjustments(...), times its factor."""
    errors = Errors("label", kind, ("city",) if kind == "cluster" else (), rule)
    city, year = np.repeat(np.arange(40), 12), np.tile(np.arange(12), 40)
    year = year + 20 * (city > 19)  # two components
    province, n, k, g = city // 3, 480, 5, 14
    asked = correction(kind, rule, (relevel(city), relevel(year)), (), (province,) if kind == "cluster" else ())
    adjust = _COUNTED[rule]
    nested = kind == "cluster" and (not adjust or "clusters" in adjust)
    components = 2 if not adjust or "pairwise" in adjust else 1
    absorbed = 24 - 1 if nested else 40 + 24 - components
    left = n - k - absorbed - nested
    factor = {"iid": 1 / left, "hetero": n / left, "cluster": (n - 1) / left * g / (g - 1)}[kind]
    words = uncorrected(errors).replace("e(N_clust)", "g").replace("e(N)", "n").replace("e(df_m)", "k")
    times = eval(f"1.0 {words}", {"sqrt": np.sqrt, "g": g, "n": n, "k": k, "e": lambda _: absorbed, "df_a": 0})
    assert factor * times**2 == pytest.approx(float(asked.factor(n, k, g if kind == "cluster" else -1)), rel=1e-13)
