"""Standard errors of a regression in R: which they are, where its call or fixest's defaults say so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from specdid._draft.memory import NotReadError

_WORDS = {"hetero": "hetero", "hc1": "hetero", "white": "hetero", "iid": "iid", "standard": "iid"}
_OLD = {
    "adj": "K.adj", "fixef.K": "K.fixef", "fixef.force_exact": "K.exact", "cluster.adj": "G.adj", "cluster.df": "G.df",
}  # fmt: skip
"""Arguments of ssc() before fixest 0.13, and as they are called since."""
_ORDER = ("K.adj", "K.fixef", "K.exact", "G.adj", "G.df", "t.df")
_ORDER_BEFORE = ("K.adj", "K.fixef", "G.adj", "G.df", "t.df", "K.exact")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What setFixest_ssc, setFixest_vcov and setFixest_estimation have set."""

    ssc: str = ""
    vcov: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    line: int = 0
    """The line that has set ``arguments``."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Formula and small-sample rule of [vcov].

    ``unstated`` where a default has them, which versions differ in; ``lacks`` says in what they are not those of the
    code, "" where they are.
    """

    vcov: str
    ssc: str = ""
    unstated: bool = False
    lacks: str = ""


def read_errors(name: str, given: Mapping[str, str], clusters: str, effects: str, defaults: Defaults) -> Errors:
    """Return the standard errors of a call.

    Parameters
    ----------
    clusters : of felm's formula, "0" for none
    effects : those behind ``|`` as they are written here; for fixest what factor() brings is no fixed effect

    Raises
    ------
    NotReadError
        There is none of that kind here.
    """
    if name == "felm":
        if "ssc" in given or "vcov" in given or "cluster" in given:
            raise NotReadError("felm has its clusters in its formula")
        named = clusters.strip()
        return Errors(_of_two("~" + named) if named not in ("", "0") else "iid")
    said = given.get("cluster") or given.get("vcov") or given.get("se") or ""
    unstated = not said
    found = _stated(said, given, effects) if said else _default(given, effects, defaults.vcov)
    corrected = given.get("ssc") or given.get("dof") or (f"ssc({defaults.ssc})" if defaults.ssc else "")
    found = _of_two(found)
    return Errors(found, _rule(corrected, found, effects), unstated and not defaults.vcov and found != "iid")


def _of_two(vcov: str) -> str:
    """Write joint levels of clusters as they are written here; there are no more than two clusterings."""
    if vcov.count("+") > 1:
        raise NotReadError("errors by more than two clusterings")
    return vcov.replace(":", "^")


def _stated(said: str, given: Mapping[str, str], effects: str) -> str:
    bare = re.sub(r"^\s*(?:cluster|twoway)?\s*~\s*", "~", said)
    if bare.startswith("~"):
        return bare
    names = re.findall(r"[\"']([\w.]+)[\"']", said)
    word = names[0].casefold() if len(names) == 1 else ""
    if re.fullmatch(r"[\"'][\w.]+[\"']", said) and word in ("cluster", "twoway") and "cluster" not in given:
        return _of_effects(word, effects)
    if word in _WORDS and "cluster" not in given:
        return _WORDS[word]
    if names and "cluster" in given and len(names) <= 2:
        return "~" + " + ".join(names)
    if found := re.fullmatch(r"(?:fixest::)?(?:vcov_)?cluster\((?:cluster\s*=\s*)?(~.*|[\"'][\w.]+[\"'])\)", said):
        return "~" + found[1].strip("~\"' ")
    raise NotReadError(
        f"standard errors {said} are not read. [vcov] has iid, hetero and clusters of one column or two; others, as "
        "those of Newey and West, Driscoll and Kraay or Conley, are not here"
    )


def _default(given: Mapping[str, str], effects: str, defaults: Mapping[str, str]) -> str:
    """Return what fixest takes where a call says nothing: what was set, else its default before 0.13."""
    count = len(re.split(r"\s*\+\s*", effects)) if effects else 0
    panel = given.get("panel.id", "")
    key = "panel" if panel else ("no_FE", "one_FE", "two_FE")[min(count, 2)]
    said = (defaults.get("all") or defaults.get(key) or "").strip("\"'")
    if said in _WORDS:
        return _WORDS[said]
    if said not in ("", "cluster", "twoway"):
        raise NotReadError(f"setFixest_vcov sets {said} for it")
    if not said and defaults and key != "no_FE":  # which is iid in every version
        raise NotReadError("setFixest_vcov does not set its standard errors: state vcov")
    if panel and (unit := re.match(r"~\s*(\w+)|c\([\"'](\w+)", panel)):
        return f"~{unit[1] or unit[2]}"
    return _of_effects(said or "cluster", effects) if count else "iid"


def _of_effects(word: str, effects: str) -> str:
    found = re.split(r"\s*\+\s*", effects) if effects else []
    wanted = found[: 2 if word == "twoway" else 1]
    if len(wanted) < (2 if word == "twoway" else 1) or not all(re.fullmatch(r"[\w.^]+", e) for e in wanted):
        raise NotReadError(f"standard errors {word}: of which fixed effects is not clear; state them as ~column")
    return "~" + " + ".join(wanted)


def _rule(text: str, vcov: str, effects: str) -> str:
    """Return the rule of [vcov] that corrects as an ssc() does; "" is fixest's default."""
    inside = re.fullmatch(r"(?:fixest::)?(?:ssc|dof)\((.*)\)", text) or re.fullmatch(r"()", text)
    if inside is None:
        raise NotReadError(f"its small-sample correction {text} is not written out")
    if inside[1].startswith(("ssc(", "fixest::ssc(", "dof(")):
        return _rule(inside[1], vcov, effects)
    given: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in inside[1].split(","))):
        key, equals, value = (one.strip() for one in part.partition("="))
        key = _OLD.get(key, key)
        if not equals or key not in _ORDER:
            raise NotReadError(f"`{part}` of {text} is not read")
        given[key] = {"T": "TRUE", "F": "FALSE"}.get(value, value.strip("\"'"))
    grouped = vcov.startswith("~")
    adjusts, groups = given.get("K.adj", "TRUE") == "TRUE", given.get("G.adj", "TRUE") == "TRUE"
    counted = given.get("K.fixef", "nested")
    usual = given.get("t.df", "min") == "min" and (given.get("G.df", "min") == "min" or vcov.count("+") == 0)
    if not usual or (not adjusts and vcov == "iid"):
        raise NotReadError(f"no rule of [vcov] corrects as {text} does: write the nearest there")
    if not adjusts:
        return "glm" if groups else "none"
    if groups or vcov == "iid":
        plain = re.fullmatch(r"[\w.^]*", effects)
        if not effects or (counted in ("nested", "nonnested") and (given.get("K.exact", "FALSE") == "FALSE" or plain)):
            return ""
        if counted == "full" and (plain or given.get("K.exact") == "TRUE"):
            return "lsdv" if grouped else ""
        if counted == "full" and not grouped:
            return ""
    raise NotReadError(f"no rule of [vcov] corrects as {text} does: the nearest are lsdv, glm and none")


_COLUMN = r"[A-Za-z.][\w.]*"


def errors_of_lm(name: str, given: Mapping[str, str], counted: str) -> Errors:
    """Return the errors that lm, or estimatr's lm_robust, prints by itself; ``counted`` is the rule of its effects.

    Raises
    ------
    NotReadError
        There is no such kind of them.
    """
    if name == "lm":
        return Errors("iid", counted)
    clusters, kind = given.get("clusters", "NULL").lstrip("~"), given.get("se_type", "").strip("\"'")
    if clusters == "NULL":
        return _of_rows(kind or "HC2", counted)
    if not re.fullmatch(_COLUMN, clusters):
        raise NotReadError(f"clusters = {clusters} is no column's name")
    return _of_groups({"": "CR2", "stata": "HC1", "CR0": "HC0"}.get(kind, kind), f"~{clusters}", counted)


def errors_of_sandwich(function: str, given: Mapping[str, str], counted: str) -> Errors:
    """Return the errors of vcovHC or vcovCL of a regression of lm, by its arguments.

    Raises
    ------
    NotReadError
        An argument is not read.
    """
    kind = given.get("type", "HC3" if function == "vcovHC" else "HC1").strip("\"'")
    known = {"x", "type"} if function == "vcovHC" else {"x", "type", "cluster", "cadjust"}
    if unknown := [key for key in given if key not in known]:
        raise NotReadError(f"`{unknown[0]}` of {function} is not read")
    if function == "vcovHC":
        return _of_rows(kind, counted)
    clusters = re.sub(r"\s*~\s*", "~", given.get("cluster", ""))
    if not re.fullmatch(rf"~{_COLUMN}(?:\s*\+\s*{_COLUMN})?", clusters):
        raise NotReadError(f"cluster = {given.get('cluster', 'NULL')} of vcovCL is not read: write ~column")
    adjusts = given.get("cadjust", "TRUE") in ("TRUE", "T")
    if kind == "HC0" and adjusts:
        return Errors(clusters, "glm", lacks=_of_several(clusters))
    if kind == "HC1" and not adjusts:
        return Errors(clusters, counted, lacks="without cadjust they have no factor G / (G - 1), which those here have")
    return _of_groups(kind, clusters, counted)


def _of_rows(kind: str, counted: str) -> Errors:
    if kind in ("const", "classical"):
        return Errors("iid", counted)
    if kind in ("HC", "HC0"):
        return Errors("hetero", "none")
    if kind in ("HC1", "stata"):
        return Errors("hetero", counted)
    if not re.fullmatch(r"HC[2345]m?", kind):
        raise NotReadError(f"errors of the type {kind} are not here")
    return Errors("hetero", counted, lacks=f"{kind} is not in [vcov], whose hetero is HC1")


def _of_groups(kind: str, clusters: str, counted: str) -> Errors:
    if kind == "HC0":
        return Errors(clusters, "none")
    if kind == "HC1":
        return Errors(clusters, counted, lacks=_of_several(clusters))
    if kind not in ("HC2", "HC3", "CR2"):
        raise NotReadError(f"errors of the type {kind} are not here")
    return Errors(clusters, counted, lacks=f"{kind} of clusters is not in [vcov], which corrects by G / (G - 1)")


def _of_several(clusters: str) -> str:
    return "each of two clusterings has its own number of clusters there, here the fewer" if "+" in clusters else ""
