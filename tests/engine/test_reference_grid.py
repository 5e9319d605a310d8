"""The engine against R fixest: 768 specifications × 5 vcovs, cell by cell."""

import csv
import gzip

import numpy as np
import pytest
from panels import EFFECTS, NAMES, REFERENCE, SAMPLES, VCOVS, members_of, reference_problem, reference_specs
from specdid.engine import execute

TOLERANCE = {
    "estimate": 1e-8,
    "std_error": 1e-8,
    "statistic": 1e-8,
    "p_value": 1e-7,
    "conf_low": 1e-7,
    "conf_high": 1e-7,
}


@pytest.fixture(scope="module", params=["listwise", "dense"])
def fits(request):
    """Both paths: every one of the 768 has rows of its own, so that the first is taken unless forbidden."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "dense":
            patch.setattr(execute, "MANY_MASKS", 10**9)
        return execute.run(reference_problem(), members_of(reference_specs()))


def test_all_cells_agree_with_fixest(fits):
    place = {s: i for i, s in enumerate(reference_specs())}
    with gzip.open(REFERENCE / "fixest_ols.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3840
    wrong = []
    for row in rows:
        controls = tuple(sorted(NAMES.index(c) for c in row["controls"].split("+") if c))
        weights = -1 if row["weights"] == "none" else NAMES.index("pop")
        spec = (
            NAMES.index(row["outcome"]),
            2,
            controls,
            SAMPLES.index(row["sample"]),
            EFFECTS.index(row["fe"]),
            weights,
        )
        s, v = place[spec], VCOVS.index(row["vcov"])
        assert fits.nobs[s] == int(row["nobs"])
        for name, tolerance in TOLERANCE.items():
            column = getattr(fits, name)
            got, want = (column[s] if column.ndim == 1 else column[s, v]), float(row[name])
            if not abs(got - want) <= tolerance * abs(want) + 1e-11:
                wrong.append((row, name, got, want))
    assert not wrong


def test_municipalities_leave_with_their_singletons(fits):
    """64 specifications are the same model: one-city provinces are singletons of province^year."""
    assert len(np.unique(fits.signature, axis=0)) == 704


def test_rows_lost_add_up(fits):
    problem, specs = reference_problem(), reference_specs()
    size = problem.rows.sum(axis=1)[[s[3] for s in specs]]
    assert (fits.nobs + fits.n_missing + fits.n_singletons == size).all()
    assert (fits.n_units == fits.n_treated + fits.n_control + fits.n_always_treated).all()
