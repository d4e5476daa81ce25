# What benchmarks/child.py does, for R's glmnet.
#   Rscript glmnet.R probe
#   Rscript glmnet.R solve PROBLEM_FOLDER JOB_FOLDER
if (!requireNamespace("glmnet", quietly = TRUE)) {
  cat('{"missing": "R has no package glmnet"}\n')
  quit()
}
suppressMessages(library(glmnet))
arguments <- commandArgs(TRUE)
if (arguments[1] == "probe") {
  r <- paste(R.version$major, R.version$minor, sep = ".")
  cat(sprintf('{"versions": {"glmnet": "%s", "R": "%s"}}\n', packageVersion("glmnet"), r))
  quit()
}
problem <- arguments[2]
job <- arguments[3]

field <- function(file, name) {
  text <- paste(readLines(file, warn = FALSE), collapse = " ")
  gsub('"', "", sub(sprintf('.*"%s": *([^,}]*).*', name), "\\1", text))
}
about <- file.path(problem, "problem.json")
n <- as.integer(field(about, "n"))
width <- as.integer(field(about, "K"))
classes <- as.integer(field(about, "C"))
family <- field(about, "family")
alpha <- as.numeric(field(about, "l1_ratio"))
tol <- field(file.path(job, "job.json"), "tol")
thresh <- if (tol == "null") 1e-7 else as.numeric(tol)

scores <- matrix(readBin(file.path(problem, "scores.f64"), "double", as.double(n) * width), n)
labels <- readBin(file.path(problem, "labels.i32"), "integer", n)
lams <- readBin(file.path(job, "lams.f64"), "double", 1e6)
glmnet.control(fdev = 0, devmax = 1)

memory <- function(name) {
  if (!file.exists("/proc/self/status")) return(NA)
  line <- grep(paste0("^", name, ":"), readLines("/proc/self/status"), value = TRUE)
  if (length(line)) 1024 * as.numeric(gsub("[^0-9]", "", line)) else NA
}

target <- NULL
if (family != "binomial") {
  target <- matrix(0, n, classes)
  target[cbind(seq_len(n), labels + 1L)] <- 1
}
run <- function(lams) {
  if (family == "binomial") {
    glmnet(scores, factor(labels), family = "binomial", lambda = lams, alpha = alpha,
      standardize = FALSE, thresh = thresh, maxit = 1e7)
  } else {
    glmnet(scores, target, family = "multinomial", lambda = lams, alpha = alpha,
      type.multinomial = if (family == "grouped") "grouped" else "ungrouped",
      standardize = FALSE, thresh = thresh, maxit = 1e7)
  }
}
invisible(gc())
fresh <- tryCatch({
  cat("5", file = "/proc/self/clear_refs")
  TRUE
}, error = function(e) FALSE, warning = function(w) FALSE)
before <- memory("VmRSS")
began <- proc.time()
found <- run(lams)
spent <- proc.time() - began
extra <- if (fresh) max(memory("VmHWM") - before, 0) else NA

points <- length(found$lambda)
if (family == "binomial") {
  intercepts <- as.double(found$a0)
  coefs <- as.double(as.matrix(found$beta))  # (K, L) by columns
} else {
  intercepts <- as.double(found$a0)          # (C, L) by columns
  each <- array(0, c(width, classes, points))
  for (k in seq_len(classes)) each[, k, ] <- as.matrix(found$beta[[k]])
  coefs <- as.double(each)
}
write <- function(values, name) {
  file <- file(file.path(job, name), "wb")
  writeBin(values, file)
  close(file)
}
write(coefs, "coefs.f64")
write(intercepts, "intercepts.f64")
number <- function(value) if (is.na(value)) "null" else sprintf("%.17g", value)
cat(sprintf('{"seconds": %s, "cpu": %s, "warm_up": 0, "extra_bytes": %s, "steps": null}\n',
  number(spent[["elapsed"]]), number(spent[["user.self"]] + spent[["sys.self"]]), number(extra)),
  file = file.path(job, "result.json"))
