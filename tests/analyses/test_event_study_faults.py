"""What wrong tables of event studies are told."""

import pytest
from studies import fault_texts

FAULTS = {
    'fix = { treatment = "no cohort" }': (
        "event_study",
        "the treatment `no cohort` has no cohort, so there is no time relative to adoption",
        'give it one: { term = "…", cohort = "…" }, the first treated period, 0 for never',
    ),
    'fix = { sample = { where = "year >= 2012" } }': (
        "event_study",
        "no treated unit is seen before its first treated period, so there are no leads",
        "an event study needs periods before treatment; check the cohort and the sample",
    ),
    "window = [-9, 5]": (
        "-9",
        "no treated unit is seen 9 periods before its first treated one",
        "relative periods in the data run from -7 to 5",
    ),
    "window = [-7, 6]": (
        "6",
        "no treated unit is seen 6 periods after its first treated one",
        "relative periods in the data run from -7 to 5",
    ),
    "window = [-4, 5]\nreference = -6": (
        "-6",
        "the reference period -6 is outside the window [-4, 5]",
        "the window must hold the period that all others are compared with",
    ),
    "reference = -8": (
        "-8",
        "no treated unit is seen in the reference period -8",
        "relative periods in the data run from -7 to 5",
    ),
    "reference = 0": ("0", "`reference` must be before treatment, such as -1", None),
    "window = [0, 5]": (
        "[0, 5]",
        "the window [0, 5] must begin at -2 or before and end at 0 or after",
        'it counts periods from the first treated one, which is 0; for years write time = "calendar"',
    ),
    "window = 5": (
        "5",
        "expected two whole numbers, found a whole number",
        "write window = [-7, 5]: from 7 before to 5 after",
    ),
    'time = "years"': ("years", "`time` cannot be `years`", "`time` is one of relative, calendar"),
    'time = "calendar"\nwindow = [2004, 2017]': (
        "2004",
        "no treated unit is seen in 2004",
        "treated units are seen from 2005 to 2017, the first are treated in 2012",
    ),
    'time = "calendar"\nwindow = [2012, 2017]': (
        "2012",
        "the window has no period before treatment",
        "treated units are seen from 2005 to 2017, the first are treated in 2012",
    ),
    'time = "calendar"\nreference = 2012': (
        "2012",
        "the reference period 2012 is not before treatment",
        "treated units are seen from 2005 to 2017, the first are treated in 2012",
    ),
    'time = "calendar"\nreference = -1': (
        "-1",
        "no treated unit is seen in the reference period -1",
        "treated units are seen from 2005 to 2017, the first are treated in 2012",
    ),
    'time = "calendar"\nwindow = [2015, 2009]': (
        "[2015, 2009]",
        "the window [2015, 2009] must begin before it ends",
        "in calendar time it goes from one period of the data to another",
    ),
    'ends = "bins"': ("bins", "`ends` cannot be `bins`", "did you mean `bin`?"),
    "windw = [-7, 5]": ("windw", "unknown key `windw` in [event_study]", "did you mean `window`?"),
    'vary = ["control"]': ("control", "no dimension `control`", "did you mean `controls`?"),
    'fix = { controls = { formula = "pgpd" } }': (
        "pgpd",
        "no column `pgpd` in {panel}",
        "did you mean `pgdp`?",
    ),
    'fix = { controls = "al controls" }': (
        "al controls",
        "no option of controls is `al controls`",
        "did you mean `all controls`?",
    ),
}


@pytest.mark.parametrize("keys", FAULTS)
def test_faults(tmp_path, keys):
    wanted = FAULTS[keys]
    (found,) = fault_texts(tmp_path, f"[event_study]\n{keys}\n")
    message = wanted[1].replace("{panel}", found[1].split(" in ")[-1])
    assert found == (wanted[0], message, wanted[2])
