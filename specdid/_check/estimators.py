"""The estimators' options: names, types and values, as each estimator declares them."""

from __future__ import annotations

from collections.abc import Iterator

from specdid import _plugins
from specdid._diagnostics import Fault, did_you_mean, fault_at
from specdid._study import EstimatorOption, Study
from specdid.estimators._base import Estimator, EstimatorSetting

_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def check_estimators(study: Study) -> Iterator[Fault]:
    """Check every estimator's options, and that the panel has what the estimator works along."""
    for option in study.estimator:
        estimator: Estimator = _plugins.load("estimators", option.method)
        yield from _options(option, estimator)
        yield from _columns(study, option, estimator)
        if estimator.cohort or estimator.effects == "unit + time":
            absent = [word for word, key in (("unit", study.unit), ("time", study.time)) if key is None]
            if absent:
                advice = "; ".join(f'declare `{word} = "…"` in [study]' for word in absent)
                message = f"{option.method} needs the {' and '.join(absent)} of the panel"
                yield fault_at(option.origin, None, "no_unit", message, advice)


def _columns(study: Study, option: EstimatorOption, estimator: Estimator) -> Iterator[Fault]:
    """Find variants that are called as a column of the estimator's own."""
    for variant in study.variants:
        if variant.name in estimator.columns:
            message = f"a variant cannot be called `{variant.name}`, a column of the results of {option.method}"
            yield fault_at(variant.origin, None, "reserved_name", message, "give it another name")


def _options(option: EstimatorOption, estimator: Estimator) -> Iterator[Fault]:
    settings = {s.name: s for s in estimator.settings}
    for name, value in option.options.items():
        origin = option.origins.get(name, option.origin)
        setting = settings.get(name)
        if setting is None:
            known = ", ".join(f"`{s}`" for s in settings) or "none"
            advice = did_you_mean(name, settings) or f"options of {option.method}: {known}"
            key = option.keys.get(name, option.origin)
            yield fault_at(key, None, "unknown_option", f"{option.method} has no option `{name}`", advice)
            continue
        wrong = _wrong(setting, value)
        if wrong is not None:
            yield fault_at(origin, None, "option_value", f"`{name}` of {option.method} {wrong}", setting.doc or None)


def _wrong(setting: EstimatorSetting, value: object) -> str | None:
    """Say what is wrong with a value, None where it is right."""
    if setting.several and isinstance(value, list | tuple) and value:
        return next((wrong for wrong in (_wrong(setting, one) for one in value) if wrong), None)
    accepted = (int, float) if setting.kind is float else (setting.kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and setting.kind is not bool):
        word = _WORDS.get(setting.kind, setting.kind.__name__)
        return f"must be {word}, or a list of them" if setting.several else f"must be {word}"
    if setting.least is not None and isinstance(value, int | float) and value < setting.least:
        return f"must be {setting.least:g} or more"
    if setting.choices and value not in setting.choices:
        return "must be " + " or ".join(f'"{choice}"' for choice in setting.choices)
    if setting.highest is not None and isinstance(value, int | float) and value > setting.highest:
        return f"must be {setting.highest:g} or less"
    return None
