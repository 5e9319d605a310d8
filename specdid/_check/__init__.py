"""Every semantic fault of a study against its data, all at once."""

from __future__ import annotations

from specdid._check.assignment import check_assignment
from specdid._check.data import Data
from specdid._check.dimensions import check_dimensions, check_directions, check_scales
from specdid._check.estimators import check_estimators
from specdid._check.gaps import check_lost_groups
from specdid._check.inference import check_clusters, check_inference
from specdid._check.matches import check_matches
from specdid._check.names import check_names
from specdid._check.samples import check_samples, check_weights
from specdid._check.treatments import check_treatments
from specdid._check.values import check_infinite, check_outcomes, check_values, check_variants
from specdid._diagnostics import Fault, Faults, file_order
from specdid._study import Study
from specdid.panel import Evaluator, Panel

__all__ = ["check_study"]

_ON_DATA = (
    check_values,
    check_outcomes,
    check_infinite,
    check_treatments,
    check_lost_groups,
    check_samples,
    check_matches,
    check_weights,
    check_clusters,
    check_inference,
    check_assignment,
    check_dimensions,
)


def check_study(study: Study, panel: Panel | None, evaluator: Evaluator | None = None) -> Faults:
    """Find every fault that a study's shape alone does not show.

    Parameters
    ----------
    study
        As read, without faults of its shape or with them.
    panel
        Its data; None where they cannot be read, which leaves what needs no data.
    evaluator
        Of that panel; what is evaluated here need not be evaluated again.

    Returns
    -------
    Faults in file order, warnings among them. Neither pandas, scipy, formulaic, pyfixest
    nor matplotlib is loaded.
    """
    faults: list[Fault] = [*check_scales(study), *check_directions(study), *check_estimators(study)]
    if panel is not None:
        data = Data(study, panel, evaluator or Evaluator(panel))
        faults += check_names(study, panel)
        for check in _ON_DATA:
            faults += check(data)
        if not any(fault.severity == "error" for fault in faults):
            faults += check_variants(data)
    return file_order(faults)
