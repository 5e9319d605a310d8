# stored as corrections_did2s
# two lines */ `x' $y
# reghdfe: no standard error, Two-stage (Gardner) does not offer this small-sample correction
# areg: no standard error, Two-stage (Gardner) does not offer this small-sample correction
# lsdv: no standard error, Two-stage (Gardner) does not offer this small-sample correction
# Needs R.

DATA <- "data/panel.csv"  # sha256 23d2df991ea0f6f5

on_rows <- function(x) rep_len(x, nrow(d))
# the unit's value k periods earlier; missing where there is no such row
lag_by <- function(x, k) on_rows(x)[match(paste(unit, period - k), paste(unit, period))]
# the unit's value where the condition holds, in all of its rows
at_cond <- function(x, cond) {
  x <- on_rows(x)
  found <- which(on_rows(cond) != 0 & !is.na(x))
  x[found][match(unit, unit[found])]
}
# the first time at which the condition holds for the unit; Inf where it never does
first_time <- function(cond) {
  cond <- on_rows(cond)
  earliest <- ave(ifelse((cond != 0) %in% TRUE, time, Inf), unit, FUN = min)
  ifelse(ave(as.numeric(!is.na(cond)), unit, FUN = max) > 0, earliest, NA)
}
# the mean within groups
mean_by <- function(x, by) {
  x <- on_rows(x)
  unname(tapply(x, on_rows(by), mean, na.rm = TRUE)[as.character(on_rows(by))])
}
# what lies beyond the quantiles p and 1 - p is set to these
winsorize <- function(x, p) {
  q <- quantile(x, c(p, 1 - p), na.rm = TRUE, names = FALSE)
  pmin(pmax(x, q[1]), q[2])
}
# column k of poly(x, degree), orthogonal over all rows where x is known
poly_part <- function(x, degree, k) {
  known <- is.finite(x)
  values <- rep(NA_real_, length(x))
  values[known] <- poly(x[known], degree)[, k]
  values
}
num <- function(x) if (is.logical(x)) as.numeric(x) else x
# drop levels of a fixed effect that have a single row, until there are none
without_singletons <- function(d, effects) {
  repeat {
    rows <- nrow(d)
    for (effect in effects) {
      level <- do.call(paste, c(d[effect], sep = "\r"))
      d <- d[table(level)[level] > 1, , drop = FALSE]
    }
    if (nrow(d) == rows) return(d)
  }
}

# --- The data ---
MISSING <- c("", "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A")
texts <- NA  # none
d <- read.csv(DATA, check.names = FALSE, na.strings = MISSING, strip.white = TRUE,
              fileEncoding = "UTF-8", colClasses = texts)
names(d) <- trimws(names(d))
d <- d[c(
    "city_id", "province", "year", "pop", "pilot", "batch", "pgdp", "ind2", "ln_so2", "ln_open",
    "ln_pat"
)]
d <- d[rowSums(!is.na(d)) > 0, , drop = FALSE]
numbers <- c(
    "city_id", "province", "year", "pop", "pilot", "batch", "pgdp", "ind2", "ln_so2", "ln_open",
    "ln_pat"
)
d[numbers] <- lapply(d[numbers], as.numeric)

# --- New columns, on all rows ---
unit <- d$city_id
period <- d$year
time <- d$year
d$dall <- num(with(d, (batch > 0) * (year >= batch)))  # dall = (batch > 0) * (year >= batch)
d$lagged <- num(with(d, lag_by(ln_open, 1)))  # lagged = l(ln_open, 1)
d$began <- num(with(d, first_time(pilot == 1 & year >= 2012)))  # began = first(pilot == 1 & year >= 2012)
d$began_ind2 <- num(with(d, began * ind2))  # began:ind2
d$group <- num(with(d, mean_by(pgdp, province)))  # group = ave(pgdp, province)
d$wins <- num(with(d, winsorize(ln_pat, 0.01)))  # wins = winsorize(ln_pat, 0.01)
d$before <- num(with(d, at_cond(pop, year == 2011)))  # before = at(pop, year == 2011)
d$size <- num(with(d, ifelse(before > 100, "large", "small")))  # size = ifelse(before > 100, "large", "small")
d$size_large_pgdp <- num(with(d, (size == "large") * pgdp))  # size::large:pgdp
d$size_small_pgdp <- num(with(d, (size == "small") * pgdp))  # size::small:pgdp
d$poly_ind2_2_1 <- num(with(d, poly_part(ind2, 2, 1)))  # poly(ind2, 2)1
d$poly_ind2_2_2 <- num(with(d, poly_part(ind2, 2, 2)))  # poly(ind2, 2)2

# --- The sample ---
# rows that are complete in all variables; a clustering drops none
complete <- c(
    "ln_so2", "dall", "lagged", "began_ind2", "group", "wins", "size_large_pgdp", "size_small_pgdp",
    "poly_ind2_2_1", "poly_ind2_2_2", "pop", "city_id", "size", "year", "province"
)
for (x in complete) if (is.numeric(d[[x]])) d[[x]][!is.finite(d[[x]])] <- NA
d <- d[complete.cases(d[complete]), , drop = FALSE]
d <- d[d$pop > 0, , drop = FALSE]

# --- The regression ---
d <- without_singletons(d, list(c("city_id"), c("size", "year")))
# rows whose fixed effects are seen untreated
keep <- rep(TRUE, nrow(d))
for (effect in list(c("city_id"), c("size", "year"))) {
  level <- do.call(paste, c(d[effect], sep = "\r"))
  keep <- keep & level %in% level[d$dall != 1]
}
d <- d[keep, , drop = FALSE]
treated <- d$dall == 1
w <- d$pop / mean(d$pop)
# Gardner (2021): fixed effects and controls from untreated rows; what is left of the treated is the effect.
# For one clustering and small data the same as did2s::did2s(d, first_stage = ~ controls | effects, ...)
dummies <- function(...) {
  level <- paste(..., sep = "\r")
  1 * outer(level, unique(level), "==")
}
standardised <- function(x) if (sd(x) > 0) (x - mean(x)) / sd(x) else x - mean(x)
X <- cbind(
  dummies(d$city_id),
  dummies(d$size, d$year),
  standardised(d$lagged),
  standardised(d$began_ind2),
  standardised(d$group),
  standardised(d$wins),
  standardised(d$size_large_pgdp),
  standardised(d$size_small_pgdp),
  standardised(d$poly_ind2_2_1),
  standardised(d$poly_ind2_2_2)
)
y <- d$ln_so2 - mean(d$ln_so2)
first <- qr(sqrt(w[!treated]) * X[!treated, , drop = FALSE], tol = 1e-9)
kept <- first$pivot[seq_len(first$rank)]
Q <- qr.Q(first)[, seq_len(first$rank), drop = FALSE]
R <- qr.R(first)[seq_len(first$rank), seq_len(first$rank), drop = FALSE]
beta <- backsolve(R, crossprod(Q, sqrt(w[!treated]) * y[!treated]))
left <- y - drop(X[, kept, drop = FALSE] %*% beta)
share <- w * treated / sum(w[treated])
estimate <- sum(share * left)
# each row's influence on the estimate: both stages as one GMM problem
influence <- share * (left - estimate)
h <- Q %*% backsolve(R, crossprod(X[, kept, drop = FALSE], share), transpose = TRUE)
influence[!treated] <- -drop(h) * sqrt(w[!treated]) * left[!treated]
between <- function(...) sum(tapply(influence, paste(..., sep = "\r"), sum)^2)
groups <- function(x) length(unique(x))
# did2s makes no small-sample correction, nor does specdid
variances <- c(
  "fixest" = between(d$city_id),
  "glm" = (between(d$city_id)) * groups(d$city_id) / (groups(d$city_id) - 1),
  "none" = between(d$city_id),
  "normal" = between(d$city_id),
  "hc0" = sum(influence^2),
  "t" = (between(d$province)) * groups(d$province) / (groups(d$province) - 1)
)
for (label in names(variances)) {
  cat(label, ": ", format(estimate, digits = 10), " (standard error ",
      format(sqrt(variances[[label]]), digits = 10), ")\n", sep = "")
}
