"""The functions that an R program defines where it needs them."""

from __future__ import annotations

from collections.abc import Iterable

HELPERS = {
    "log_na": "log_na <- function(x, base = exp(1)) log(ifelse(x > 0, x, NA), base)  # missing where x <= 0",
    "log10_na": "log10_na <- function(x) log10(ifelse(x > 0, x, NA))  # missing where x <= 0",
    "log1p_na": "log1p_na <- function(x) log1p(ifelse(x > -1, x, NA))  # missing where x <= -1",
    "on_rows": "on_rows <- function(x) rep_len(x, nrow(d))",
    "lag_by": """# the unit's value k periods earlier; missing where there is no such row
lag_by <- function(x, k) on_rows(x)[match(paste(unit, period - k), paste(unit, period))]""",
    "change_by": "change_by <- function(x, k) on_rows(x) - lag_by(x, k)",
    "in_or_na": "in_or_na <- function(x, values) is.na(x) | x %in% values",
    "at_cond": """# the unit's value where the condition holds, in all of its rows
at_cond <- function(x, cond) {
  x <- on_rows(x)
  found <- which(on_rows(cond) != 0 & !is.na(x))
  x[found][match(unit, unit[found])]
}""",
    "first_time": """# the first time at which the condition holds for the unit; Inf where it never does
first_time <- function(cond) {
  cond <- on_rows(cond)
  earliest <- ave(ifelse((cond != 0) %in% TRUE, time, Inf), unit, FUN = min)
  ifelse(ave(as.numeric(!is.na(cond)), unit, FUN = max) > 0, earliest, NA)
}""",
    "mean_by": """# the mean within groups
mean_by <- function(x, by) {
  x <- on_rows(x)
  unname(tapply(x, on_rows(by), mean, na.rm = TRUE)[as.character(on_rows(by))])
}""",
    "winsorize": """# what lies beyond the quantiles p and 1 - p is set to these
winsorize <- function(x, p) {
  q <- quantile(x, c(p, 1 - p), na.rm = TRUE, names = FALSE)
  pmin(pmax(x, q[1]), q[2])
}""",
    "trim": """# what lies beyond the quantiles p and 1 - p is missing
trim <- function(x, p) {
  q <- quantile(x, c(p, 1 - p), na.rm = TRUE, names = FALSE)
  ifelse(x < q[1] | x > q[2], NA, x)
}""",
    "scale_all": "scale_all <- function(x) (x - mean(x, na.rm = TRUE)) / sd(x, na.rm = TRUE)",
    "center_all": "center_all <- function(x) x - mean(x, na.rm = TRUE)",
    "poly_part": """# column k of poly(x, degree), orthogonal over all rows where x is known
poly_part <- function(x, degree, k) {
  known <- is.finite(x)
  values <- rep(NA_real_, length(x))
  values[known] <- poly(x[known], degree)[, k]
  values
}""",
    "num": "num <- function(x) if (is.logical(x)) as.numeric(x) else x",
    "without_singletons": """# drop levels of a fixed effect that have a single row, until there are none
without_singletons <- function(d, effects) {
  repeat {
    rows <- nrow(d)
    for (effect in effects) {
      level <- do.call(paste, c(d[effect], sep = "\\r"))
      d <- d[table(level)[level] > 1, , drop = FALSE]
    }
    if (nrow(d) == rows) return(d)
  }
}""",
}
"""Name -> definition."""

_NEEDS = {
    "lag_by": ("on_rows",), "change_by": ("on_rows", "lag_by"), "at_cond": ("on_rows",),
    "first_time": ("on_rows",), "mean_by": ("on_rows",),
}  # fmt: skip
_PERIODS = {
    "half": """{
  base <- ifelse(values >= 100000, 100, 10)  # 20122 or 201202
  values %/% base * 2 + values %% base - 1
}""",
    "quarter": """{
  base <- ifelse(values >= 100000, 100, 10)  # 20124 or 201204
  values %/% base * 4 + values %% base - 1
}""",
    "month": "values %/% 100 * 12 + values %% 100 - 1",
    "day": 'as.numeric(as.Date(as.character(values), "%Y%m%d"))',
    "week": """{
  fourth <- as.Date(ifelse(is.na(values), NA, paste0(values %/% 100, "-01-04")))  # is in week 1
  monday <- fourth - (as.integer(format(fourth, "%u")) - 1) + 7 * (values %% 100 - 1)
  (as.numeric(monday) + 3) %/% 7
}""",
}


def helpers(used: Iterable[str]) -> list[str]:
    """Return the definitions of ``used`` and of what they need, each once."""
    wanted = set(used)
    for name in list(wanted):
        wanted |= set(_NEEDS.get(name, ()))
    return [text for name, text in HELPERS.items() if name in wanted]


def periods(step: str | None) -> list[str]:
    """Return the function that numbers periods so that a step is 1, where values do not do so themselves."""
    if step in (None, "year"):
        return []
    body = _PERIODS.get(str(step)) or f"floor(values / {float(str(step))!r} + 1e-6)"
    return [f"periods <- function(values) {body}  # a step is 1"]
