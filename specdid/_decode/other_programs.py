"""What estimators and standard errors are called in Stata, R and Python, and what they are here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from specdid._diagnostics import closest

_TWO_WAY = "areg reghdfe xtreg reg regress ols lm lm_robust felm plm fixest panelols twfe hdfe xtdidregress didregress"
_SAME: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((*_TWO_WAY.split(), "smf.ols", "sm.ols", "feols_", "pf.feols", "linear", "fe"), ("feols",)),
    **dict.fromkeys(("ppmlhdfe", "ppml", "poisson", "xtpoisson", "poi2hdfe", "ppmlhdfe_", "pf.fepois"), ("fepois",)),
    **dict.fromkeys(("eventstudyinteract", "sun_abraham", "sunabraham", "sun-abraham", "sa"), ("sunab",)),
    **dict.fromkeys(("did2s_", "gardner", "pf.did2s"), ("did2s",)),
    **dict.fromkeys(("did_imputation", "didimputation", "bjs", "borusyak"), ("did_imputation",)),
    **dict.fromkeys(("csdid", "att_gt", "did", "drdid", "csdid2", "hdidregress", "xthdidregress"), ("csdid",)),
    **dict.fromkeys(("lp_did", "lp-did", "pf.lpdid"), ("lpdid",)),
    **dict.fromkeys(("stackedev", "stacked"), ("stackedev",)),
    **dict.fromkeys(("sdid", "synthdid"), ("sdid",)),
    **dict.fromkeys(("did_multiplegt", "didmultiplegtdyn", "didmultiplegt"), ("did_multiplegt_dyn",)),
    **dict.fromkeys(("nbreg", "glm.nb", "menbreg"), ("fenegbin",)),
    **dict.fromkeys(("logistic", "logit_"), ("logit",)),
    **dict.fromkeys(("probit_", "dprobit"), ("probit",)),
}  # fmt: skip
_NEAREST: dict[str, tuple[tuple[str, ...], str]] = {
    "fect": (("csdid", "sunab", "did2s", "lpdid"), "with other weights of the cohorts"),
    **dict.fromkeys(("xtprobit", "clogit", "xtlogit", "feglm", "glm"),
                    (("logit", "probit", "fepois"), "another model")),
    "xtnbreg": (("fenegbin", "fepois"), "with dummies: xtnbreg's conditional model has effects in the dispersion, "
                                        "not in the mean"),
}  # fmt: skip
_NOT_HERE = {
    **dict.fromkeys(("synth", "synth2", "gsynth", "augsynth"), "synthetic controls are"),
    **dict.fromkeys(("xtabond", "xtabond2", "gmm", "pgmm"), "dynamic panel estimators are"),
    **dict.fromkeys(("qreg", "rq", "xtqreg", "tobit", "heckman"), "quantiles, censoring and selection are"),
}  # fmt: skip
_INSTEAD = {
    **dict.fromkeys(
        ("ivreghdfe", "ivreg2", "ivreg", "ivregress", "xtivreg", "iv", "2sls", "tsls", "iv2sls", "feiv"),
        'it is feols, with instruments of the treatment in a table of their own: [instruments] "z" = "z1 + z2"',
    ),
    "psmatch2": 'matching belongs to a sample: match = { on = "x1 + x2", method = "nearest" } in [sample]',
    **dict.fromkeys(
        ("jwdid", "etwfe", "wooldid"), 'it is sunab without leads: write { method = "sunab", control = "notyet" }'
    ),
    "re": "random effects stand beside fixed ones in a [hausman] table",
    "random": "random effects stand beside fixed ones in a [hausman] table",
    "bacondecomp": "it decomposes one estimate: write a table [decomposition]",
    "honestdid": "it bounds an event study: write a table [honest]",
}


def estimator_help(text: str, shelf: Sequence[str]) -> str | None:
    """Say which estimator of the shelf another program's command is; None where nothing is known."""
    name = text.strip().casefold().removesuffix("()")
    called = next((key for key in (text.strip(), name) if key in _SAME), name)
    same = [here for here in _SAME.get(called, ()) if here in shelf]
    if same:
        return f'write "{same[0]}"'
    for key in (called, *_SAME.get(called, ())):
        if key in _NEAREST:
            near, how = _NEAREST[key]
            found = [one for one in near if one in shelf]
            if found:
                return f"not here; the nearest {'is' if len(found) == 1 else 'are'} {', '.join(found)}, {how}"
    if name in _NOT_HERE:
        return f"{_NOT_HERE[name]} not here"
    return _INSTEAD.get(name)


_CLUSTERED = re.compile(r"(?:cl|clu|cluster|clustered|crv1|cr1)\b\s*[(=:]?\s*~?\s*\(?\s*(.+?)\s*\)*", re.IGNORECASE)
_ROBUST = {
    "robust", "r", "heteroskedastic", "heteroscedastic", "white", "hc1", "hccm", "ols robust",
}  # fmt: skip
_CLASSICAL = {
    "ols", "standard", "classical", "unadjusted", "homoskedastic", "nonrobust", "conventional",
}  # fmt: skip
_OTHER = {
    **dict.fromkeys(("bootstrap", "boot", "wild", "boottest", "wildboot"),
                    'the wild bootstrap is [inference] null = ["wild"], for the whole curve at once'),
    **dict.fromkeys(("jackknife", "jack", "crv3", "cr3"), "the cluster jackknife is not here"),
    **dict.fromkeys(("crv2", "cr2"), "the bias-reduced clustering of Bell and McCaffrey is not here"),
    **dict.fromkeys(("conley", "acreg", "spatial"), "Conley's spatial errors are not here"),
    **dict.fromkeys(("nw", "newey", "newey-west", "neweywest", "hac", "kernel"),
                    "Newey and West's errors are not here"),
    **dict.fromkeys(("dk", "xtscc", "driscoll-kraay", "driscoll", "scc"), "Driscoll and Kraay's errors are not here"),
    **dict.fromkeys(("twoway", "two-way", "cluster", "clustered", "crv1", "cr1"),
                    'name the columns to cluster by: "~a", or "~a + b"'),
}  # fmt: skip


def vcov_help(text: str) -> str | None:
    """Say how another program's standard errors are written here, or that they are not here; None if unknown."""
    bare = re.sub("[{}'\"]", "", text).strip()
    plain = re.sub(r"^(?:vce|vcov|se)\s*[(=]\s*(.*?)\)?$", r"\1", bare)
    word = plain.casefold().strip()
    if word in _ROBUST or closest(word, ("hetero", "robust"), 0.8):
        return 'write "hetero"'
    if word in ("hc0", "hc2", "hc3"):
        return 'the nearest is "hetero", which is HC1'
    if word in _CLASSICAL or word == "iid":
        return 'write "iid"'
    head = re.match(r"[\w-]+", word)
    known = _OTHER.get(head[0]) if head else None
    columns = _CLUSTERED.fullmatch(plain)
    if columns and re.fullmatch(r"[\w.]+(?:\s*[,+ ]\s*[\w.]+)?", columns[1]):
        names = re.split(r"\s*[,+ ]\s*", columns[1])
        return f'write "~{" + ".join(names)}"'
    return known
