"""Pages of docs/ that are made of what the tests hold, so that they cannot say anything else."""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
EVERYDAY = ROOT / "tests/check/golden/everyday.csv"
FROM = ("Stata", "R", "dplyr", "data.table", "fixest")
MARK = "<!-- made by tests/test_readme.py: SPECDID_UPDATE_GOLDEN=1 pytest tests/test_readme.py -k generated -->\n"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def code(text: str) -> str:
    """A text in code, between as many backticks as it needs."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{cell(text)}{space}{ticks}"


def table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    return "\n".join(["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *lines)]) + "\n"


def habits() -> str:
    """Everything that a test types as users of other programs do, and what the answer says to write."""
    lines = ["# What you type elsewhere, and what to write here\n", MARK]
    everyday = rows(EVERYDAY)
    lines.append(
        f"\nA test types {len(everyday)} everyday expressions of Stata, R, dplyr, data.table and fixest, and compares "
        "them with values. Here are those that are written in another way; the shorter, hand-made list is the "
        "[dictionary](dictionary.md).\n"
        "\nStata's `gen` makes columns in single precision (`float`): 0.7 is 0.699999988 in them, and `if g >= .7` "
        "leaves those rows out. `check` says so of comparisons with such columns of .dta files "
        "(`single_precision`). Stata's `x / y` is missing where y is 0; here, as in R, it is infinite.\n"
    )
    for source in FROM:
        here = [r for r in everyday if r["from"] == source and r["help"]]
        means = [(code(r["typed"]), cell(r["help"])) for r in here]
        lines += [f"\n## {source}\n\n", table((f"in {source}", "here"), means)]
    return "".join(lines)


COMPARED = (
    (
        "fixest_ols.csv.gz",
        "least squares: estimates and standard errors (iid, hetero, one and two clusters, weights)",
        "R fixest",
    ),
    ("did/fixest_iv.csv", "two-stage least squares: estimates, errors, first-stage F and Wald, Sargan", "R fixest"),
    ("fixest_poisson.csv", "Poisson with fixed effects", "R fixest"),
    ("fixest_sunab.csv", "Sun and Abraham's averages and event studies", "R fixest"),
    ("fixest_event_study.csv", "an event study with its covariance", "R fixest"),
    ("fixest_event_study_pretrend_wald.csv", "the joint test of leads", "R fixest (wald)"),
    ("fixest_expansions.csv", "what sw, csw, mvsw and c() expand to", "R fixest"),
    ("r_parse.csv", "how formulas and expressions parse", "R"),
    ("r_functions.csv", "values of functions on columns with gaps", "R"),
    ("r_terms.csv", "which columns a formula has", "R (model.matrix)"),
    ("r_terms_models.csv", "models with those terms", "R (lm)"),
    ("glm_pscore_2011.csv", "propensity scores", "R (glm)"),
    ("glm_nb_probit.csv", "probit and negative binomial", "R MASS"),
    ("matchit_weights.csv", "weights of matched units", "R MatchIt"),
    ("matchit_pairs_nn1.csv", "pairs, nearest neighbour", "R MatchIt"),
    ("matchit_pairs_nn1_caliper.csv", "pairs within a caliper", "R MatchIt"),
    ("matchit_pairs_nn2_replace.csv", "pairs, two with replacement", "R MatchIt"),
    ("matchit_balance_nn1.csv", "balance after matching", "R MatchIt"),
    ("matchit_balance_nn1_caliper.csv", "balance within a caliper", "R MatchIt"),
    ("matchit_balance_nn2_replace.csv", "balance, two with replacement", "R MatchIt"),
    ("psm_did.csv", "difference in differences on matched samples", "R MatchIt and fixest"),
    ("plm_hausman.csv", "random effects and Hausman tests", "R plm"),
)


def compared() -> str:
    """The table of stored numbers of other programs, with how many there are."""
    lines = []
    for name, what, program in COMPARED:
        path = ROOT / "tests/reference" / name
        text = gzip.decompress(path.read_bytes()).decode() if name.endswith(".gz") else path.read_text("utf-8")
        lines.append((what, program, f"{len(list(csv.reader(text.splitlines()))) - 1:,}", f"`{name}`"))
    return table(("what", "by", "rows", "in tests/reference"), lines)


def with_table(page: str, made: str) -> str:
    """A page with the made part between its marks replaced."""
    begin, end = "<!-- made -->\n", "<!-- /made -->"
    return page.split(begin)[0] + begin + "\n" + made + "\n" + end + page.split(end)[1]
