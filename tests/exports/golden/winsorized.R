# stored as winsorized
# two lines */ `x' $y
# Needs R with fixest.

library(fixest)

DATA <- "data/smart_city.csv"  # sha256 33ed789c36bb00c6

log_na <- function(x, base = exp(1)) log(ifelse(x > 0, x, NA), base)  # missing where x <= 0
# what lies beyond the quantiles p and 1 - p is set to these
winsorize <- function(x, p) {
  q <- quantile(x, c(p, 1 - p), na.rm = TRUE, names = FALSE)
  pmin(pmax(x, q[1]), q[2])
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
texts <- c("province" = "character")
d <- read.csv(DATA, check.names = FALSE, na.strings = MISSING, strip.white = TRUE,
              fileEncoding = "UTF-8", colClasses = texts)
names(d) <- trimws(names(d))
d <- d[c("city_id", "province", "year", "pop", "pilot", "so2", "pgdp", "ind2")]
d <- d[rowSums(!is.na(d)) > 0, , drop = FALSE]
d$province <- trimws(d$province)
d$province[d$province %in% MISSING] <- NA
numbers <- c("city_id", "year", "pop", "pilot", "so2", "pgdp", "ind2")
d[numbers] <- lapply(d[numbers], as.numeric)

# --- New columns, on all rows ---
d$ln_so2 <- num(with(d, log_na(so2 / pop)))  # ln_so2 = log(so2 / pop)
d$ln_so2_v2 <- num(with(d, winsorize(ln_so2, 0.01)))  # ln_so2 = winsorize(ln_so2, 0.01)
d$did12 <- num(with(d, pilot * (year >= 2012)))  # did12 = pilot * (year >= 2012)
d$I_pgdp_2 <- num(with(d, pgdp^2))  # I(pgdp^2)

# --- The sample ---
# rows that are complete in all variables; a clustering drops none
complete <- c("ln_so2_v2", "did12", "pgdp", "I_pgdp_2", "ind2", "city_id", "province", "year")
for (x in complete) if (is.numeric(d[[x]])) d[[x]][!is.finite(d[[x]])] <- NA
d <- d[complete.cases(d[complete]), , drop = FALSE]

# --- The regression ---
d <- without_singletons(d, list(c("city_id"), c("province", "year")))
# fixest's small-sample corrections are its defaults, which specdid takes over: (N - 1) / (N - K) with the
# fixed effects that are nested in a cluster left out of K, G / (G - 1), two clusters with the smaller G.
fit <- feols(
  ln_so2_v2 ~ did12 + pgdp + I_pgdp_2 + ind2 | city_id + province^year,
  data = d, vcov = "iid", fixef.rm = "singleton", fixef.tol = 1e-10, fixef.iter = 1e5
)
vcovs <- list("city" = ~ city_id, "province" = ~ province)
for (label in names(vcovs)) {
  cat(label, "\n")
  print(summary(fit, vcov = vcovs[[label]]))
  print(coeftable(fit, vcov = vcovs[[label]])["did12", ], digits = 10)
}
