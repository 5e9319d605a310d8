# stored as slopes
# two lines */ `x' $y
# Needs R with fixest.

library(fixest)

DATA <- "data/castle.csv"  # sha256 b0429da8dd0dc87f

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
texts <- c("state" = "character", "region" = "character")
d <- read.csv(DATA, check.names = FALSE, na.strings = MISSING, strip.white = TRUE,
              fileEncoding = "UTF-8", colClasses = texts)
names(d) <- trimws(names(d))
d <- d[c("sid", "state", "region", "year", "post", "homicide", "l_police", "l_prisoner", "popwt")]
d <- d[rowSums(!is.na(d)) > 0, , drop = FALSE]
d$state <- trimws(d$state)
d$state[d$state %in% MISSING] <- NA
d$region <- trimws(d$region)
d$region[d$region %in% MISSING] <- NA
numbers <- c("sid", "year", "post", "homicide", "l_police", "l_prisoner", "popwt")
d[numbers] <- lapply(d[numbers], as.numeric)

# --- New columns, on all rows ---
d$log_homicide <- num(with(d, log_na(homicide)))  # log(homicide)

# --- The sample ---
keep <- (with(d, state != "Florida") != 0) %in% TRUE
d <- d[keep, , drop = FALSE]
# rows that are complete in all variables; a clustering drops none
complete <- c("log_homicide", "post", "l_police", "l_prisoner", "year", "popwt", "sid", "region")
for (x in complete) if (is.numeric(d[[x]])) d[[x]][!is.finite(d[[x]])] <- NA
d <- d[complete.cases(d[complete]), , drop = FALSE]
d <- d[d$popwt > 0, , drop = FALSE]

# --- The regression ---
d <- without_singletons(d, list(c("sid"), c("region", "year")))
# fixest's small-sample corrections are its defaults, which specdid takes over: (N - 1) / (N - K) with the
# fixed effects that are nested in a cluster left out of K, G / (G - 1), two clusters with the smaller G.
fit <- feols(
  log_homicide ~ post + l_police + l_prisoner | sid[year] + region^year,
  data = d, weights = ~ popwt, vcov = "iid", fixef.rm = "singleton", fixef.tol = 1e-10, fixef.iter = 1e5
)
vcovs <- list("state" = ~ sid, "state and year" = ~ sid + year)
for (label in names(vcovs)) {
  cat(label, "\n")
  print(summary(fit, vcov = vcovs[[label]]))
  print(coeftable(fit, vcov = vcovs[[label]])["post", ], digits = 10)
}
