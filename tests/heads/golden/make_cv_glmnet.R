# Cross-validates problems of make_problems.py by R's cv.glmnet with given folds: row i is in fold 1 + (i - 1) mod 4.
# Writes cv_glmnet.csv, one line a strength: problem, alpha, lambda, cvm, cvsd, is_min, is_1se. The measure is the
# deviance (gaussian: the squared error). Gaussian problems take alpha 1: glmnet scales the targets of each fold, which
# changes the share of the squared norm.
library(glmnet)
glmnet.control(fdev = 0, devmax = 1, eps = 1e-12)

validate_problem <- function(name) {
  table <- read.csv(paste0(name, ".csv"))
  Z <- as.matrix(table[grepl("^z", names(table))])
  family <- sub("_.*", "", name)
  grouped <- family == "grouped"
  if (grouped) family <- "multinomial"
  alpha <- if (family == "gaussian") 1 else 0.99
  arguments <- list(
    x = Z, y = if (family == "gaussian") table$y else as.factor(table$y), family = family,
    alpha = alpha, weights = table$weight, standardize = FALSE, thresh = 1e-14, maxit = 1e8
  )
  if (family == "multinomial") {
    arguments$type.multinomial <- if (grouped) "grouped" else "ungrouped"
  }
  top <- do.call(glmnet, c(arguments, list(nlambda = 3)))$lambda[1]
  lambda <- top * exp(seq(0, log(0.03), length.out = 12))
  foldid <- 1 + (seq_len(nrow(Z)) - 1) %% 4
  cv <- do.call(cv.glmnet, c(arguments, list(lambda = lambda, foldid = foldid)))
  stopifnot(length(cv$lambda) == length(lambda))
  numbers <- cbind(alpha, cv$lambda, cv$cvm, cv$cvsd)
  flags <- cbind(cv$lambda == cv$lambda.min, cv$lambda == cv$lambda.1se)
  apply(cbind(numbers, flags), 1, function(row) {
    paste(c(name, sprintf("%.17g", row)), collapse = ",")
  })
}

names <- c("multinomial_plain", "multinomial_weighted", "grouped_weighted", "binomial_plain",
           "binomial_weighted", "gaussian_plain", "gaussian_weighted")
lines <- unlist(lapply(names, validate_problem))
writeLines(c("problem,alpha,lambda,cvm,cvsd,is_min,is_1se", lines), "cv_glmnet.csv")
