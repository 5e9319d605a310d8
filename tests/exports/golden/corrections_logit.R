# stored as corrections_logit
# two lines */ `x' $y
# reghdfe: no standard error, Logit does not offer this small-sample correction
# areg: no standard error, Logit does not offer this small-sample correction
# Needs R with fixest.

library(fixest)

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
d$ln_so2_4 <- num(with(d, ln_so2 > 4))  # ln_so2 > 4
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
    "ln_so2_4", "dall", "lagged", "began_ind2", "group", "wins", "size_large_pgdp",
    "size_small_pgdp", "poly_ind2_2_1", "poly_ind2_2_2", "pop", "province", "year", "city_id"
)
for (x in complete) if (is.numeric(d[[x]])) d[[x]][!is.finite(d[[x]])] <- NA
d <- d[complete.cases(d[complete]), , drop = FALSE]
d <- d[d$pop > 0, , drop = FALSE]

# --- The regression ---
# levels in which the outcome never varies say nothing, nor do singletons: drop them until none are left
repeat {
  rows <- nrow(d)
  for (effect in list(c("province"), c("year"))) {
    level <- do.call(paste, c(d[effect], sep = "\r"))
    highest <- ave(d$ln_so2_4, level, FUN = max)
    lowest <- ave(d$ln_so2_4, level, FUN = min)
    d <- d[lowest < highest & table(level)[level] > 1, ]
  }
  if (nrow(d) == rows) break
}
d$pop <- d$pop / mean(d$pop)
# fixest's small-sample corrections are its defaults, which specdid takes over: (N - 1) / (N - K) with the
# fixed effects that are nested in a cluster left out of K, G / (G - 1), two clusters with the smaller G.
fit <- feglm(
  ln_so2_4 ~ dall + lagged + began_ind2 + group + wins + size_large_pgdp + size_small_pgdp +
    poly_ind2_2_1 + poly_ind2_2_2 | province + year,
  data = d, family = binomial("logit"), weights = ~ pop, vcov = "iid", fixef.rm = "none",
  glm.tol = 1e-12, glm.iter = 100, fixef.tol = 1e-10, fixef.iter = 1e5
)
vcovs <- list(
    "fixest" = ~ city_id, "lsdv" = ~ city_id, "glm" = ~ city_id, "none" = ~ city_id,
    "normal" = ~ city_id, "hc0" = "hetero", "iid" = "iid", "t" = ~ province
)
# small-sample corrections: reghdfe counts no redundant parameters, areg and lsdv all dummies, glm has
# N / (N - 1) or G / (G - 1) alone (as ppmlhdfe has), none nothing
sscs <- list(
    "fixest" = ssc(), "lsdv" = ssc(fixef.K = "full", fixef.force_exact = TRUE),
    "glm" = ssc(adj = FALSE), "none" = ssc(adj = FALSE, cluster.adj = FALSE), "normal" = ssc(),
    "hc0" = ssc(adj = FALSE, cluster.adj = FALSE), "iid" = ssc(adj = FALSE), "t" = ssc(adj = FALSE)
)
factors <- c(1, 1, 1, 1, 1, 1, 1, 1)  # iid without a correction is RSS / N
normal <- c(TRUE, TRUE, TRUE, TRUE, TRUE, TRUE, TRUE, FALSE)  # p-values from the normal distribution, not from t
p_value <- function(z, k) {
  df <- degrees_freedom(fit, type = "t", vcov = vcovs[[k]])
  2 * (if (normal[k]) pnorm(-abs(z)) else pt(-abs(z), df))
}
for (k in seq_along(vcovs)) {
  error <- se(fit, vcov = vcovs[[k]], ssc = sscs[[k]])[["dall"]] * factors[k]
  estimate <- coef(fit)[["dall"]]
  cat(names(vcovs)[k], ": ", format(estimate, digits = 10), " (standard error ",
      format(error, digits = 10), ", p = ", format(p_value(estimate / error, k), digits = 6),
      ")\n", sep = "")
}
