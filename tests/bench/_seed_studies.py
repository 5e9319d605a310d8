"""The studies that are run on every seed of the smart-city generator, and what is known of each model."""

from __future__ import annotations

from typing import Any

DRAWS = 199
OUTCOMES = {"SO2": "ln_so2", "wastewater": "ln_ww"}
FIVE = "pgdp + I(pgdp^2) + ind2 + ln_open + ln_pat"
FIRST = "batch %in% c(0, 2012)"
LAGS = {f"{name} last year": f"l({column}, 1)" for name, column in OUTCOMES.items()}
CONTROLS = {"none": "1", "five": FIVE, "tertiary share": "ind3", **LAGS}
EFFECTS = {
    "year": "city_id + year",
    "zone × year": "city_id + tcz^year",
    "province × year": "city_id + province^year",
    "both": "city_id + province^year + tcz^year",
}
ESTIMATORS: dict[str, Any] = {
    "OLS": "feols",
    "Sun-Abraham": "sunab",
    "did2s": "did2s",
    "LP-DiD": "lpdid",
    "LP-DiD, 4 years": {"method": "lpdid", "post_window": 3},
}
BASE: dict[str, Any] = {
    "study": {"data": "smart_city.csv", "unit": "city_id", "time": "year", "seed": 20121201},
    "derive": {
        "ln_so2": "log(so2 / pop)",
        "ln_ww": "log(ww / pop)",
        "c12": "ifelse(batch == 2012, 2012, 0)",
        "did12": "pilot * (year >= 2012)",
        "did_all": "(batch > 0) * (year >= batch)",
        "ln_open": "log(trade)",
        "ln_pat": "log1p(patents / pop)",
    },
    "outcome": {name: {"formula": column, "scale": "log points"} for name, column in OUTCOMES.items()},
    "vcov": {"city": "~city_id", "province": "~province"},
    "inference": {"draws": 0},
}
BATCH_1 = {"batch 1": {"term": "did12", "cohort": "c12"}}
BATCHES = {"batches 1–3": {"term": "did_all", "cohort": "batch"}}


def _matched(on: str = "pgdp + ind2 + ln_open + ln_pat", **how: Any) -> dict[str, Any]:
    return {"where": FIRST, "match": {"on": on, "treated": "pilot", "at": "year == 2011", **how}}


MATCHED = {
    "nearest": _matched(method="nearest", ratio=2, replace=True),
    "kernel": _matched(method="kernel", bandwidth=0.06),
    "radius": _matched(method="radius", caliper=0.05),
    "nearest, zone too": _matched("pgdp + ind2 + ln_open + ln_pat + tcz", method="nearest", ratio=2, replace=True),
}
SAMPLES: dict[str, Any] = {
    "all cities": "TRUE",
    "first batch": FIRST,
    "first batch, to 2015": f"{FIRST} & year <= 2015",
    "zone cities": "tcz == 1",
    "zone cities, first batch": f"tcz == 1 & {FIRST}",
    **MATCHED,
}


def _pick(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names or options}


def _rule(because: str, when: dict[str, Any], unless: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"when": when, "because": because} | ({"unless": unless} if unless else {})


def coverage_studies() -> tuple[dict[str, Any], ...]:
    """Give the studies whose specifications stand in the table of coverage."""
    few = _rule("one choice at a time", {"controls": list(CONTROLS)[1:]}, {"sample": "first batch"})
    slow = _rule("one choice at a time", {"controls": list(CONTROLS)[1:], "fixed_effects": ["province × year", "both"]})
    bad = _rule("shown with the right effects", {"controls": list(CONTROLS)[2:]}, {"fixed_effects": "zone × year"})
    other = [
        _rule("the other outcome's lag", {"outcome": name, "controls": list(LAGS)[1 - k]})
        for k, name in enumerate(OUTCOMES)
    ]
    two = _pick(EFFECTS, "year", "zone × year")
    benchmark = {
        "treatment": BATCH_1,
        "controls": CONTROLS,
        "fixed_effects": EFFECTS,
        "sample": _pick(SAMPLES, "all cities", "first batch"),
        "exclude": [few, slow, bad, *other],
    }
    samples = {
        "treatment": BATCH_1,
        "controls": _pick(CONTROLS, "none"),
        "fixed_effects": two,
        "sample": _pick(SAMPLES, "first batch, to 2015", "zone cities, first batch", *MATCHED),
    }
    local = _rule(
        "local projections take city and year effects",
        {"estimator": ["LP-DiD", "LP-DiD, 4 years"], "fixed_effects": "zone × year"},
    )
    zone = _rule(
        "inside the zone a zone-by-year effect is a year effect",
        {"sample": "zone cities", "fixed_effects": "zone × year"},
    )
    staggered = {
        "treatment": BATCHES,
        "controls": _pick(CONTROLS, "none"),
        "fixed_effects": two,
        "sample": _pick(SAMPLES, "all cities", "zone cities"),
        "estimator": ESTIMATORS,
        "exclude": [local, zone],
    }
    one_batch = {
        "treatment": BATCH_1,
        "controls": _pick(CONTROLS, "none"),
        "fixed_effects": two,
        "sample": _pick(SAMPLES, "first batch"),
        "estimator": _pick(ESTIMATORS, "did2s", "LP-DiD"),
        "exclude": [{**local, "when": {**local["when"], "estimator": "LP-DiD"}}],
    }
    return tuple({**BASE, **own} for own in (benchmark, samples, staggered, one_batch))


TRUE_ROWS: dict[str, Any] = {
    "known": {},
    "complete": {"where": "!is.na(pgdp) & !is.na(ind2) & !is.na(ln_open) & !is.na(ln_pat)"},
    "no municipalities": {"where": "municipality == 0"},
}


def truth_study() -> dict[str, Any]:
    """Give the study whose coefficients are average true effects on the treated rows of the samples.

    Its outcome is the row's true effect, known where the outcome is, 0 for the untreated;
    without any fixed effect its coefficient is the treated rows' mean, by the sample's weights.
    """
    outcome = {
        name: {"formula": f"ifelse(is.na({column}), NA, true_{column})", "scale": "log points"}
        for name, column in OUTCOMES.items()
    }
    four = "!(batch > 0 & year > batch + 3)"
    ended = {"4 years": four, "4 years, zone": f"{four} & tcz == 1"}
    return {
        **BASE,
        "outcome": outcome,
        "treatment": BATCHES,
        "fixed_effects": {"none": "0"},
        "sample": {**SAMPLES, **ended},
        "variant": {"rows": TRUE_ROWS},
    }


def true_sample(spec: dict[str, str]) -> tuple[str, str]:
    """Say in which sample and rows of `truth_study` the truth of a specification is."""
    rows = "complete" if spec["controls"] == "five" else "known"
    if spec["fixed_effects"] in ("province × year", "both"):
        rows = "no municipalities"
    sample = spec["sample"]
    if spec["estimator"] == "LP-DiD":
        # It averages over the longest window, which only the first batch fills.
        sample = "zone cities, first batch" if sample == "zone cities" else "first batch"
    elif spec["estimator"] == "LP-DiD, 4 years":
        sample = "4 years, zone" if sample == "zone cities" else "4 years"
    elif spec["treatment"] == "batch 1" and sample == "all cities":
        sample = "first batch"
    return sample, rows


def known_of(spec: dict[str, str]) -> str:
    """Say why a specification misses the truth by design; empty where it does not."""
    found = []
    by_zone = "zone" in spec["sample"] or spec["fixed_effects"] in ("zone × year", "both")
    # The others compare with the year before alone, when the zone had declined already.
    all_years = spec["estimator"] in ("OLS", "did2s")
    if spec["outcome"] == "SO2" and all_years and not by_zone:
        found.append("zone's decline")
    if spec["controls"] in LAGS:
        found.append("bad control")
    if spec["treatment"] == "batch 1" and spec["sample"] == "all cities":
        found.append("treated among the controls")
    if spec["treatment"] == "batches 1–3" and spec["estimator"] == "OLS":
        found.append("TWFE, staggered")
    return ", ".join(found)


def event_study() -> dict[str, Any]:
    """Give the study of pre-trends, on the panel with effect: the first batch, then all three by other estimators."""
    window = {"window": [-7, 5], "reference": -1}
    staggered = {
        **window,
        "fix": {
            "treatment": BATCHES["batches 1–3"],
            "sample": {"where": "TRUE"},
            "fixed_effects": "year",
            "estimator": [{"method": "sunab"}, {"method": "did2s"}, {"method": "lpdid"}],
        },
    }
    return {
        **BASE,
        "treatment": BATCH_1,
        "fixed_effects": _pick(EFFECTS, "year", "zone × year"),
        "sample": _pick(SAMPLES, "first batch"),
        "vcov": {"city": "~city_id"},
        "event_study": {
            "first batch": {**window, "vary": ["fixed_effects"]},
            "staggered": staggered,
            "staggered, zone cities": {**staggered, "fix": {**staggered["fix"], "sample": {"where": "tcz == 1"}}},
        },
    }


def noise_study() -> dict[str, Any]:
    """Give the study of the leads of independent normal errors: how far the test itself holds."""
    return {
        **BASE,
        "outcome": {"noise": {"formula": "noise", "scale": "none"}},
        "treatment": BATCH_1,
        "fixed_effects": _pick(EFFECTS, "zone × year"),
        "sample": _pick(SAMPLES, "first batch"),
        "vcov": {"iid": "iid", **BASE["vcov"]},
        "event_study": {"noise": {"window": [-7, 5], "reference": -1}},
    }


SIZE = "at(pop, year == 2011)"
GROUPS = {
    "halves": {"to 372": f"{SIZE} <= 372", "above": f"{SIZE} > 372"},
    "thirds": {
        "to 268": f"{SIZE} <= 268", "268–467": f"{SIZE} > 268 & {SIZE} <= 467", "above": f"{SIZE} > 467",
    },
    "the paper's four": {
        "≤100": f"{SIZE} <= 100", "100–500": f"{SIZE} > 100 & {SIZE} <= 500",
        "500–1000": f"{SIZE} > 500 & {SIZE} <= 1000", ">1000": f"{SIZE} > 1000",
    },
}  # fmt: skip


def placebo_study() -> dict[str, Any]:
    """Give the study of placebos, for the panel without effect; strata as specs/smart_city.toml has them, and finer."""
    placebo = {"draws": DRAWS, "vary": ["fixed_effects"]}
    return {
        **BASE,
        "treatment": BATCH_1,
        "fixed_effects": _pick(EFFECTS, "year", "zone × year"),
        "vcov": {"city": "~city_id"},
        "inference": {"draws": 0, "assign": "pilot + batch", "level": "city_id", "strata": "province"},
        "placebo": {"province": placebo, "province and zone": {**placebo, "strata": "province + tcz"}},
    }


def equality_study() -> dict[str, Any]:
    """Give the study of the test that groups' effects are equal, for the panel without effect."""
    return {
        **BASE,
        "treatment": BATCH_1,
        "fixed_effects": _pick(EFFECTS, "zone × year"),
        "sample": _pick(SAMPLES, "first batch"),
        "vcov": {"city": "~city_id"},
        "heterogeneity": {name: {"groups": groups} for name, groups in GROUPS.items()},
    }
