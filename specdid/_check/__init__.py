"""Every semantic fault of a study against its data, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from specdid._check.data import Data
from specdid._check.dimensions import (
    check_directions,
    check_estimators,
    check_expansions,
    check_scales,
    check_selectors,
    check_together,
)
from specdid._check.gaps import check_lost_groups
from specdid._check.inference import check_assignment, check_cluster_level, check_clusters, check_inference, check_level
from specdid._check.names import check_names
from specdid._check.samples import check_matches, check_patterns, check_unused
from specdid._check.sound import Sound, sound_part
from specdid._check.times import check_times
from specdid._check.treatments import check_treatments
from specdid._check.values import (
    check_codes,
    check_conditions,
    check_functions,
    check_infinite,
    check_later_values,
    check_logs,
    check_missing_codes,
    check_outcomes,
    check_precision,
    check_samples,
    check_text_controls,
    check_values,
    check_variants,
    check_weights,
)
from specdid._diagnostics import Fault, Faults, fault_at, file_order
from specdid._records.files import is_regular
from specdid._study import Study
from specdid.panel import Evaluator, Panel

__all__ = ["check_study", "sound_part"]

_ON_EVERYTHING = (
    check_values,
    check_outcomes,
    check_infinite,
    check_missing_codes,
    check_logs,
    check_conditions,
    check_text_controls,
    check_codes,
    check_precision,
    check_samples,
    check_weights,
    check_clusters,
    check_functions,
    check_later_values,
    check_times,
)
"""What looks at one expression at a time."""
_ON_WHAT_IS_SOUND = (
    check_treatments,
    check_patterns,
    check_lost_groups,
    check_matches,
    check_inference,
    check_assignment,
    check_level,
    check_cluster_level,
)
"""What looks at several options together, of which none may have a fault."""


def check_study(
    study: Study, panel: Panel | None, evaluator: Evaluator | None = None, before: Iterable[Fault] = ()
) -> Faults:
    """Find every fault that a study's shape alone does not show.

    Parameters
    ----------
    study
        As read, without faults of its shape or with them.
    panel
        Its data; None where they cannot be read, which leaves what needs no data.
    evaluator
        Of that panel; what is evaluated here need not be evaluated again.
    before
        What is known to be wrong: nothing is said that only follows from it.

    Returns
    -------
    Faults in file order, warnings among them. Neither pandas, scipy, formulaic, pyfixest
    nor matplotlib is loaded.
    """
    faults: list[Fault] = [
        *check_scales(study),
        *check_directions(study),
        *check_estimators(study),
        *check_unused(study),
        *_check_appendix(study),
    ]
    if panel is None:
        return file_order(faults)
    evaluator = evaluator or Evaluator(panel)
    before = tuple(before)
    readable = {name: e for name, e in study.derive.items() if ("derive", name) not in study.unread}
    data = Data(replace(study, derive=readable), panel, evaluator)
    faults += check_names(study, panel)
    for check in _ON_EVERYTHING:
        faults += check(data)
    faults += check_expansions(sound_part(study, before).study, panel)
    sound = sound_part(study, (*before, *faults))
    data = Data(sound.study, panel, evaluator)
    for together in _ON_WHAT_IS_SOUND:
        faults += [f for f in together(data) if not _follows(f, sound)]
    faults += check_selectors(data, sound)
    faults += check_together(data, sound)
    if sound.whole and not any(fault.severity == "error" for fault in (*before, *faults)):
        faults += check_variants(data)
    return file_order(faults)


def _check_appendix(study: Study) -> Iterator[Fault]:
    """See that the document whose styles appendix.docx is to have is there, before the run and not at its end."""
    asked = study.appendix
    if asked.reference is not None and asked.reference_at is not None and not is_regular(asked.reference):
        help_ = "the path is relative to the spec file; without `reference` the styles are plain"
        yield fault_at(asked.reference_at, None, "no_file", f"there is no file `{asked.reference.name}`", help_)


def _follows(fault: Fault, sound: Sound) -> bool:
    """Say whether a fault may be there only because options were left out."""
    return "treatment" in sound.dropped and fault.code.startswith(("assign_", "nothing_moves", "no_overlap"))
