"""Synthetic plans and fits, for tests of what stands on the records."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from specdid._records import Code, Fits, Planned, Results, TextColumn, code_of, collect
from specdid._records.results import Status


def subsets(*terms: str, always: Sequence[str] = ()) -> list[tuple[str, ...]]:
    """Every subset of ``terms`` by size, after the terms that are always in."""
    sizes = range(len(terms) + 1)
    return [(*always, *chosen) for k in sizes for chosen in combinations(terms, k)]


def plan_of(
    dimensions: Mapping[str, Sequence[str]],
    controls: Sequence[tuple[str, ...]] = ((),),
    *,
    vcovs: Sequence[str] = ("city",),
    scales: Mapping[str, str] | None = None,
    estimands: Mapping[str, str] | None = None,
    preferred: int = -1,
    excluded: Mapping[int, str] | None = None,
    twins: Mapping[int, int] | None = None,
    title: str = "Smart-city pilots and industrial pollution",
    alpha: float = 0.05,
    display: Mapping[str, str] | None = None,
    types: Mapping[str, Mapping[str, str]] | None = None,
) -> Planned:
    """A full factorial of these options; ``controls`` takes the place of that dimension."""
    labels = {name: tuple(options) for name, options in dimensions.items()}
    labels = {
        "outcome": labels.pop("outcome", ("ln SO2",)),
        "treatment": labels.pop("treatment", ("dudt",)),
        "controls": tuple(" + ".join(c) or "1" for c in controls),
    } | labels
    names = tuple(labels)
    shape = [len(options) for options in labels.values()]
    codes = np.stack([g.reshape(-1) for g in np.indices(shape)], axis=1).astype(np.int32)
    n = len(codes)
    terms = tuple(dict.fromkeys(t for c in controls for t in c))
    at = {name: TextColumn(labels[name], codes[:, d]) for d, name in enumerate(names)}
    methods = [at["estimator"].at(s) if "estimator" in at else "" for s in range(n)]
    excluded, twins = dict(excluded or {}), dict(twins or {})
    status = np.zeros(n, dtype=np.int8)
    status[list(excluded)] = Status.EXCLUDED
    status[list(twins)] = Status.DUPLICATE
    code = np.zeros(n, dtype=np.int8)
    code[list(excluded)] = code_of("rule")
    code[list(twins)] = code_of("same_content")
    twin = np.full(n, -1, dtype=np.int64)
    twin[list(twins)] = list(twins.values())
    ids = np.random.default_rng(1).integers(1, 2**63, n).astype(np.uint64)
    ids[list(twins)] = ids[list(twins.values())]
    reasons = [excluded.get(s) or ("the same as another option" if s in twins else None) for s in range(n)]

    def formulas(start: int, stop: int) -> list[str]:
        return [
            f"{at['outcome'].at(s)} ~ {at['treatment'].at(s)} + {at['controls'].at(s)} | city_id + year"
            for s in range(start, stop)
        ]

    return Planned(
        title,
        alpha,
        names,
        tuple(labels.values()),
        codes,
        ids,
        tuple(vcovs),
        formulas,
        term=at["treatment"],
        estimand=TextColumn.encode((estimands or {}).get(m, "ATT") for m in methods),
        scale=TextColumn.encode((scales or {}).get(at["outcome"].at(s)) for s in range(n)),
        status=status,
        code=code,
        reason=TextColumn.encode(reasons),
        twin=twin,
        preferred=preferred,
        control_terms=terms,
        control_members=np.array([[t in c for t in terms] for c in controls], dtype=bool).reshape(
            len(controls), len(terms)
        ),
        display=display or {},
        types=types or {},
    )


def fits_of(
    planned: Planned,
    *,
    seed: int = 0,
    centre: float = -0.06,
    fails: Mapping[int, Code] | None = None,
    detail: Mapping[int, str] | None = None,
    same: Mapping[int, int] | None = None,
) -> Fits:
    """Estimates that depend on the options, with noise; ``same`` gives a signature of another."""
    rng = np.random.default_rng(seed)
    index = np.flatnonzero(planned.status == Status.OK).astype(np.int64)
    n, v = len(index), len(planned.vcovs)
    shift = np.zeros(n)
    for d, labels in enumerate(planned.labels):
        shift += rng.normal(scale=0.02, size=len(labels))[planned.codes[index, d]]
    estimate = centre + shift + rng.normal(scale=0.01, size=n)
    se = np.abs(rng.normal(0.03, 0.006, (n, v))) + 0.008
    df = np.full((n, v), 209.0)
    code = np.zeros(n, dtype=np.int8)
    at = {int(s): k for k, s in enumerate(index)}
    for s, reason in (fails or {}).items():
        code[at[s]] = reason
    bad = code > 0
    t = estimate[:, None] / se
    numbers = {
        "estimate": estimate,
        "std_error": se,
        "statistic": t,
        "p_value": np.exp(-0.717 * np.abs(t) - 0.416 * t**2),
        "conf_low": estimate[:, None] - 1.97 * se,
        "conf_high": estimate[:, None] + 1.97 * se,
        "df": df,
        "n_eff": np.full(n, 2700.0),
        "y_mean": rng.normal(4, 0.1, n),
        "r2_within": rng.uniform(0.01, 0.2, n),
    }
    for values in numbers.values():
        values[bad] = np.nan
    whole = np.random.default_rng(2).integers(1900, 2731, n)
    counts = {"nobs": whole, "n_units": whole // 13, "n_treated": whole // 40, "n_control": whole // 20}
    zero = np.zeros(n, dtype=np.int64)
    counts |= dict.fromkeys(("n_always_treated", "n_missing", "n_log0", "n_singletons"), zero)
    signature = np.stack([planned.ids[index], index.astype(np.uint64) + np.uint64(1)], axis=1)
    for later, earlier in (same or {}).items():
        signature[at[later]] = signature[at[earlier]]
    return Fits(
        index=index,
        code=code,
        culprit=np.where(bad, 0, -1),
        detail={at[s]: m for s, m in (detail or {}).items()},
        vcov_code=np.zeros((n, v), dtype=np.int8),
        n_clusters=np.where(bad[:, None], -1, np.full((n, v), 210)),
        dropped={},
        signature=signature,
        seconds=np.full(n, 1e-5),
        **numbers,
        **{k: np.where(bad, -1, c) for k, c in counts.items()},
    )


def results_of(planned: Planned, **options: object) -> Results:
    """Collect ``fits_of(planned, **options)``."""
    return collect(planned, [fits_of(planned, **options)], ["x"])


def smart_city(controls: int = 3, **options: object) -> Planned:
    """A grid as in the first application: 2^controls × 48 specifications."""
    names = ("pgdp", "I(pgdp^2)", "ind2", "ln_open", "ln_pat", "ln_fdi", "density", "green", "road", "edu")
    return plan_of(
        {
            "outcome": ["ln SO2"],
            "treatment": ["batch 1, 2012", "batches 1–3"],
            "fixed_effects": ["city + year", "city + province×year"],
            "sample": ["all cities", "no municipalities", "matched"],
            "weights": ["unweighted", "population"],
            "winsorizing": ["none", "1%"],
        },
        subsets(*names[:controls]),
        scales={"ln SO2": "log points"},
        **options,
    )
