import numpy as np
import polars as pl
import pytest
import specdid
from tests.helpers.small_studies import small_study


def panel() -> pl.DataFrame:
    """60 units of 8 years, 30 treated from 2004 on, 3 of these no women; log income from 8 to 12."""
    rng = np.random.default_rng(0)
    unit, year = np.repeat(np.arange(60), 8), np.tile(np.arange(2000, 2008), 60)
    women = np.where(np.arange(60) < 30, np.arange(60) < 27, np.arange(60) % 2)
    d = ((unit < 30) & (year >= 2004)).astype(int)
    columns = {
        "id": unit,
        "year": year,
        "d": d,
        "women": women[unit].astype(int),
        "income": 10 + rng.uniform(-2, 2, 480),
    }
    return pl.DataFrame(columns | {"dose": d * (1 + unit % 3), "y": rng.normal(size=480) + d}).with_columns(
        centred=pl.col("income") - 10, made=pl.col("d") * pl.col("women")
    )


def said(controls: str, treatment: str = "d", **more: object) -> list[tuple[str, str]]:
    study = small_study(
        outcome={"y": "y"},
        treatment={"d": treatment},
        controls={"c": controls},
        fixed_effects={"f": "id + year"},
        **more,
    )
    found = specdid.run(study, panel(), audit=0).warnings
    return [(w.code, w.message) for w in found if w.code == "effect_of_none"]


def test_an_effect_where_no_treated_row_is_is_no_effect_of_anybody():
    """Of log income from 8 to 12 the coefficient beside d:income is that at 0; n_treated counted 30 units."""
    ((code, message),) = said("income + d:income")
    assert code == "effect_of_none"
    assert message.startswith("average effect where income is 0 (regression weights): no treated row is there")
    treated = panel().filter(pl.col("d") == 1)["income"]
    assert f"`d:income` [{treated.min():.4g}; {treated.max():.4g}]" in message


@pytest.mark.parametrize(
    ("controls", "treatment"),
    [
        ("income", "d"),
        ("d:centred + centred", "d"),  # zero is among its values, if no row has it to the last digit
        ("d:I(year - 2004)", "d"),
        ("d:I(id %% 2)", "d"),  # half of the treated
        ("I(dose ^ 2)", "dose"),  # of a power every treated row is off zero
        ("l(d)", "d"),
    ],
)
def test_effects_of_those_who_are_there_are_not_warned_of(controls, treatment):
    assert said(controls, treatment) == []
