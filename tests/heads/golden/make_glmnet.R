# Solves the problems of make_problems.py by R's glmnet at thresh 1e-12. Writes glmnet.csv, one line a row of a
# solution: problem, alpha, lambda, row, intercept, coefficients. The strengths are shares of the least one
# that empties the model; glmnet.control keeps the whole path. glmnet_signed.csv and glmnet_boxed.csv hold the
# solutions within the bounds of bounds.csv, for families whose coefficients may be bounded.
library(glmnet)
glmnet.control(fdev = 0, devmax = 1, eps = 1e-12)

factors <- read.csv("factors.csv")
bounds <- read.csv("bounds.csv")

solve_problem <- function(name, alpha, lower = -Inf, upper = Inf) {
  table <- read.csv(paste0(name, ".csv"))
  Z <- as.matrix(table[grepl("^z", names(table))])
  offset <- as.matrix(table[grepl("^offset", names(table))])
  y <- table$y
  family <- sub("_.*", "", name)
  grouped <- family == "grouped"
  if (grouped) family <- "multinomial"
  if (family != "multinomial") offset <- as.vector(offset)
  arguments <- list(
    x = Z, y = if (family == "gaussian") y else as.factor(y), family = family, alpha = alpha,
    weights = table$weight, penalty.factor = factors[[name]], offset = offset,
    standardize = FALSE, thresh = 1e-12, maxit = 1e8, lower.limits = lower, upper.limits = upper
  )
  if (family == "multinomial") {
    arguments$type.multinomial <- if (grouped) "grouped" else "ungrouped"
  }
  top <- do.call(glmnet, c(arguments, list(nlambda = 3)))$lambda[1]
  lambda <- top * c(0.7, 0.3, 0.1, 0.03)
  fit <- do.call(glmnet, c(arguments, list(lambda = lambda)))
  stopifnot(length(fit$lambda) == length(lambda), fit$jerr == 0)
  rows <- if (family == "multinomial") fit$beta else list(fit$beta)
  level <- if (family == "multinomial") fit$a0 else matrix(fit$a0, nrow = 1)
  lines <- c()
  for (i in seq_along(lambda)) for (k in seq_along(rows)) {
    numbers <- c(alpha, lambda[i], k - 1, level[k, i], as.vector(rows[[k]][, i]))
    lines <- c(lines, paste(c(name, sprintf("%.17g", numbers)), collapse = ","))
  }
  lines
}

write_solutions <- function(file, names, ...) {
  lines <- unlist(lapply(names, function(name) {
    c(solve_problem(name, 0.99, ...), solve_problem(name, 0.5, ...))
  }))
  header <- c("problem", "alpha", "lambda", "row", "intercept", paste0("w", seq_len(6) - 1))
  writeLines(c(paste(header, collapse = ","), lines), file)
}

write_solutions("glmnet.csv", names(factors))
single <- names(factors)[!grepl("^grouped", names(factors))]
# glmnet does not end on multinomial_all with a column that is neither penalised nor negative: a common shift of
# its rows costs nothing.
ends <- setdiff(single, "multinomial_all")
write_solutions("glmnet_signed.csv", ends, lower = bounds$signed_lower, upper = bounds$signed_upper)
write_solutions("glmnet_boxed.csv", single, lower = bounds$boxed_lower, upper = bounds$boxed_upper)
