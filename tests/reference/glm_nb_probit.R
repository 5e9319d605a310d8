# Values of glm_nb_probit.csv: MASS::glm.nb and glm on tests/helpers/adoption.py's panel as a CSV.
# Rscript glm_nb_probit.R panel.csv glm_nb_probit.csv (R 4.5, MASS 7.3)
library(MASS)
args <- commandArgs(TRUE)
d <- read.csv(args[1], check.names = FALSE)
clustered <- function(fit, by) {  # expected information, raw sums of scores
  X <- model.matrix(fit)
  s <- X * residuals(fit, "working") * fit$weights
  H <- solve(crossprod(X * sqrt(fit$weights)))
  sums <- rowsum(s, by)
  sqrt(diag(H %*% crossprod(sums) %*% H))[["d"]]
}
rows <- list()
add <- function(model, fit, theta = NA) {
  X <- model.matrix(fit)
  H <- solve(crossprod(X * sqrt(fit$weights)))
  rows[[length(rows) + 1]] <<- data.frame(model = model, estimate = coef(fit)[["d"]], x = coef(fit)[["x"]],
    theta = theta, iid = sqrt(diag(H))[["d"]], hetero = clustered(fit, seq_len(nrow(X))),
    state = clustered(fit, d$state), nobs = nrow(X))
}
tight <- glm.control(epsilon = 1e-14, maxit = 500)
nb <- function(formula) {
  fit <- glm.nb(formula, d, control = tight)
  for (i in 1:20) {  # theta to the last digit: glm.nb stops at a change of the likelihood
    theta <- theta.ml(d$count, fitted(fit), limit = 100, eps = 1e-12)
    fit <- glm(formula, family = negative.binomial(theta), data = d, control = tight)
  }
  list(fit, as.numeric(theta))
}
for (f in c("count ~ d + x", "count ~ d + x + factor(state) + factor(t)", "count ~ d + x + factor(unit) + factor(t)")) {
  found <- nb(as.formula(f))
  add(paste("fenegbin", f), found[[1]], found[[2]])
}
for (f in c("binary ~ d + x", "binary ~ d + x + factor(state) + factor(t)"))
  add(paste("probit", f), glm(as.formula(f), binomial("probit"), d, control = tight))
out <- do.call(rbind, rows)
for (n in names(out)[-c(1, 8)]) out[[n]] <- sprintf("%.15g", out[[n]])
write.csv(out, args[2], row.names = FALSE, quote = 1)
