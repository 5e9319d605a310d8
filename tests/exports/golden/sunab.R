# stored as sunab
# two lines */ `x' $y
# Needs R with fixest.

library(fixest)

DATA <- "data/mpdta.csv"  # sha256 38dc83acb46b16ce

log_na <- function(x, base = exp(1)) log(ifelse(x > 0, x, NA), base)  # missing where x <= 0
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
d <- d[c("countyreal", "state", "year", "first_treat", "lpop", "emp")]
d <- d[rowSums(!is.na(d)) > 0, , drop = FALSE]
numbers <- c("countyreal", "state", "year", "first_treat", "lpop", "emp")
d[numbers] <- lapply(d[numbers], as.numeric)

# --- New columns, on all rows ---
d$log_emp <- num(with(d, log_na(emp)))  # log(emp)
d$raised <- num(with(d, (first_treat > 0) * (year >= first_treat)))  # raised = (first_treat > 0) * (year >= first_treat)
d$year_2004_lpop <- num(with(d, (year == 2004) * lpop))  # year::2004:lpop
d$year_2005_lpop <- num(with(d, (year == 2005) * lpop))  # year::2005:lpop
d$year_2006_lpop <- num(with(d, (year == 2006) * lpop))  # year::2006:lpop
d$year_2007_lpop <- num(with(d, (year == 2007) * lpop))  # year::2007:lpop

# --- The sample ---
# rows that are complete in all variables; a clustering drops none
complete <- c(
    "log_emp", "raised", "year_2004_lpop", "year_2005_lpop", "year_2006_lpop", "year_2007_lpop",
    "countyreal", "year", "state"
)
for (x in complete) if (is.numeric(d[[x]])) d[[x]][!is.finite(d[[x]])] <- NA
d <- d[complete.cases(d[complete]), , drop = FALSE]

# --- The regression ---
d <- without_singletons(d, list(c("countyreal"), c("year")))
# the first treated period; missing is never treated: 0, infinite, or after the last period
d$.cohort <- d$first_treat
d$.cohort[!is.finite(d$.cohort) | d$.cohort == 0 | d$.cohort > 2007] <- NA
d$.period <- d$year
d$.cohort[d$.cohort > max(d$.period)] <- NA
# cohorts that are treated in all of their rows are left out
starts <- tapply(d$.period, d$.cohort, min)[as.character(d$.cohort)]
d <- d[!((starts >= d$.cohort) %in% TRUE), ]
d <- without_singletons(d, list(c("countyreal"), c("year")))
# Sun and Abraham (2021): a dummy for each cohort and period since treatment, averaged by their rows
# With never-treated units the same as summary(feols(y ~ sunab(cohort, period) + ...), agg = "ATT")
d$.since <- d$.period - d$.cohort
pairs <- unique(d[!is.na(d$.since), c(".since", ".cohort")])
pairs <- pairs[order(pairs$.since, pairs$.cohort), ]
pairs <- pairs[!(pairs$.since %in% c(-1)), ]
cells <- paste0(".cell", seq_len(nrow(pairs)))
for (k in seq_along(cells)) {
  d[[cells[k]]] <- as.numeric(d$.since %in% pairs$.since[k] & d$.cohort %in% pairs$.cohort[k])
}
# fixest's small-sample corrections are its defaults, which specdid takes over: (N - 1) / (N - K) with the
# fixed effects that are nested in a cluster left out of K, G / (G - 1), two clusters with the smaller G.
fit <- feols(
  as.formula(paste("log_emp ~", paste(cells, collapse = " + "), " + year_2004_lpop + year_2005_lpop + year_2006_lpop + year_2007_lpop | countyreal + year")),
  data = d, vcov = "iid", fixef.rm = "singleton", fixef.tol = 1e-10, fixef.iter = 1e5
)
share <- sapply(cells[pairs$.since >= 0], function(cell) sum(d[[cell]]))
share <- share / sum(share)
kept <- intersect(names(coef(fit)), names(share))  # the effect of a cell that is dropped is in others
share <- share[kept]
estimate <- sum(share * coef(fit)[kept])
vcovs <- list("county" = ~ countyreal, "state" = ~ state)
for (label in names(vcovs)) {
  V <- vcov(fit, vcov = vcovs[[label]])[kept, kept]
  cat(label, ": ", format(estimate, digits = 10), " (standard error ",
      format(sqrt(drop(share %*% V %*% share)), digits = 10), ")\n", sep = "")
}
