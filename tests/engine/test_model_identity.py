"""Which fits are looked at again for being one model: those whose numbers are equal as far as rounding goes."""

from dataclasses import replace

import numpy as np
import pytest
from panels import NAMES, SAMPLES, members_of, reference_problem
from specdid.engine.execute import run
from specdid.engine.model_identity import SAME, settle

DUDT, YEAR = NAMES.index("dudt"), NAMES.index("year")


@pytest.fixture(scope="module")
def twins():
    """Two treatments that are equal up to 2015, and the fits of both on these rows."""
    problem = reference_problem()
    later = problem.values[:, DUDT] + (problem.values[:, YEAR] > 2015)
    values = np.asfortranarray(np.column_stack([problem.values, later]))
    problem = replace(problem, values=values, labels=(*NAMES, "later"))
    specs = [(0, d, (3,), SAMPLES.index("upto2015"), 2, -1) for d in (DUDT, len(NAMES))]
    members = members_of(specs)
    return problem, members, run(problem, members)


def one_model(twins, estimates) -> bool:
    problem, members, fits = twins
    fits = replace(fits, estimate=np.array(estimates))
    (settled,) = settle(problem, members, np.ones(2, bool), (fits,))
    return bool((settled.signature[0] == settled.signature[1]).all())


def test_rounding_never_parts_one_model_wherever_its_estimate_is(twins):
    """At every twentieth of the width of a cell, of which one edge or another lies between the two estimates."""
    _, _, fits = twins
    estimate, error = fits.estimate[0], fits.std_error[0, 0]
    assert (fits.signature[0] != fits.signature[1]).any()
    first = np.rint(np.arcsinh(estimate / error) / SAME)
    for step in np.arange(0.0, 2.0, 0.05):
        here = error * np.sinh((first + step) * SAME)
        assert one_model(twins, [here * (1 - 1e-12), here * (1 + 1e-12)])


def test_other_numbers_are_not_looked_at_again(twins):
    _, _, fits = twins
    estimate, error = fits.estimate[0], fits.std_error[0, 0]
    assert not one_model(twins, [estimate, estimate + 1e-4 * error])
