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
    return [(w.code, w.message) for w in found if w.code in ("effect_of_none", "effect_of_few")]


def test_an_effect_where_no_treated_row_is_is_no_effect_of_anybody():
    """Of log income from 8 to 12 the coefficient beside d:income is that at 0; n_treated counted 30 units."""
    ((code, message),) = said("income + d:income")
    assert code == "effect_of_none"
    assert message.startswith("average effect where income is 0 (regression weights): no treated row is there")
    treated = panel().filter(pl.col("d") == 1)["income"]
    assert f"`d:income` [{treated.min():.4g}; {treated.max():.4g}]" in message


@pytest.mark.parametrize("controls", ["d:women", "made"])
def test_an_effect_of_few_of_the_treated_is_said_to_be_theirs(controls):
    ((code, message),) = said(controls)
    assert code == "effect_of_few"
    assert message.endswith("as few as 3 of 30 treated units are there, and the number is their effect")


def test_of_several_samples_the_one_with_the_fewest_is_told():
    ((_, message),) = said("d:women", sample={"all": "year > 0", "less": "id != 28"})
    assert "as few as 2 of 29 treated units" in message


def test_without_units_rows_are_counted():
    frame = panel()
    study = {
        "study": {"data": "given.csv", "treatment": "d"},
        "outcome": {"y": "y"},
        "controls": {"c": "d:women + women"},
        "fixed_effects": {"none": "1"},
        "sample": {"s": "year < 2006"},
        "inference": {"draws": 0},
        "vcov": {"hetero": "hetero"},
    }
    found = [w.message for w in specdid.run(study, frame, audit=0).warnings if w.code == "effect_of_few"]
    assert [m.split(": ", 1)[1] for m in found] == [
        "as few as 6 of 60 treated rows are there, and the number is their effect"
    ]


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
