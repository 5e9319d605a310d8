# The package calls the program and reads what it wrote; no number is computed here.

specdid_program <- function() {
  said <- getOption("specdid.program", Sys.getenv("SPECDID"))
  if (length(said) > 0L && nzchar(said[1L])) return(said)
  found <- Sys.which(c("specdid", "uvx"))
  if (nzchar(found[["specdid"]])) return(unname(found[["specdid"]]))
  if (nzchar(found[["uvx"]])) return(c(unname(found[["uvx"]]), "specdid"))
  stop("the program specdid was not found: install it with `pip install specdid`, or `pip install .` in a clone (Python 3.11 to 3.13), or name it by ",
       "options(specdid.program = \"/path/to/specdid\")", call. = FALSE)
}

# What the exit codes mean; see docs/commands.md.
codes <- c("1" = "internal fault, or the audit could not be done", "2" = "the spec or data are wrong",
           "3" = "nothing could be estimated", "4" = "the audit disagreed", "5" = "the output cannot be written")

specdid <- function(...) {
  words <- c(specdid_program(), as.character(c(...)))
  # R puts its own and the system's libraries before those that Python was built with, which then fails to import.
  given <- Sys.getenv("LD_LIBRARY_PATH", NA)
  err <- tempfile()
  on.exit({
    unlink(err)
    if (!is.na(given)) Sys.setenv(LD_LIBRARY_PATH = given)
  })
  if (!is.na(given)) {
    paths <- strsplit(given, ":", fixed = TRUE)[[1L]]
    Sys.setenv(LD_LIBRARY_PATH = paste(paths[!grepl("^(/usr)?/lib/", paths) & paths != R.home("lib")], collapse = ":"))
  }
  said <- suppressWarnings(system2(words[1L], shQuote(words[-1L]), stdout = TRUE, stderr = err))
  told <- readLines(err, warn = FALSE, encoding = "UTF-8")
  Encoding(said) <- "UTF-8"
  status <- attr(said, "status")
  if (!is.null(status) && status != 0L) {
    text <- paste(c(told, said, codes[as.character(status)]), collapse = "\n")
    stop(structure(class = c("specdid_error", "error", "condition"),
                   list(message = text[!is.na(text)], call = NULL, status = status)))
  }
  if (length(told)) message(paste(told, collapse = "\n"))
  as.character(said)
}

specdid_check <- function(spec) {
  cat(specdid("check", spec), sep = "\n")
  invisible(TRUE)
}

specdid_init <- function(dir, data = NULL, from = NULL, unit = NULL, time = NULL, treatment = NULL, outcome = NULL) {
  if (is.data.frame(data)) {
    dir.create(dir, showWarnings = FALSE, recursive = TRUE)
    file <- file.path(dir, "data.csv")
    if (file.exists(file)) stop(file, " is there already", call. = FALSE)
    utils::write.csv(data, file, row.names = FALSE, na = "", fileEncoding = "UTF-8")
    data <- file
  }
  given <- list(data = data, from = from, unit = unit, time = time, treatment = treatment, outcome = outcome)
  given <- Filter(Negate(is.null), given)
  cat(specdid("init", dir, unlist(Map(function(name, value) c(paste0("--", name), value), names(given), given))), sep = "\n")
  invisible(dir)
}

specdid_run <- function(spec, out = file.path("outputs", sub("[.]toml$", "", basename(spec))), jobs = NULL, audit = NULL,
                        fresh = FALSE) {
  specdid("run", spec, "--out", out, if (!is.null(jobs)) c("--jobs", jobs), if (!is.null(audit)) c("--audit", audit),
          if (fresh) "--fresh")
  specdid_read(out)
}

specdid_read <- function(out) {
  file <- file.path(out, "results.csv")
  if (!file.exists(file)) stop("no results.csv in ", out, ": specdid_run() writes it", call. = FALSE)
  results <- utils::read.csv(file, check.names = FALSE, encoding = "UTF-8", na.strings = "", stringsAsFactors = FALSE)
  for (name in names(results)) {
    if (is.character(results[[name]]) && all(results[[name]] %in% c("true", "false", NA))) {
      results[[name]] <- results[[name]] == "true"
    }
  }
  warned <- file.path(out, "warnings.csv")
  structure(list(results = results, out = normalizePath(out),
                 summary = readLines(file.path(out, "summary.md"), warn = FALSE, encoding = "UTF-8"),
                 warnings = if (file.exists(warned)) utils::read.csv(warned, encoding = "UTF-8", stringsAsFactors = FALSE)),
            class = "specdid")
}

specdid_show <- function(spec, which = "preferred", out = NULL, code = NULL) {
  specdid("show", spec, which, if (!is.null(out)) c("--out", out), if (!is.null(code)) c("--code", code))
}

specdid_report <- function(x) {
  utils::browseURL(paste0("file://", file.path(x$out, "report.html")))
  invisible(x)
}

print.specdid <- function(x, ...) {
  end <- grep("^## ", x$summary)
  cat(x$summary[seq_len(if (length(end)) end[1L] - 1L else length(x$summary))], sep = "\n")
  cat("Results: ", x$out, "\n", sep = "")
  invisible(x)
}

as.data.frame.specdid <- function(x, ...) x$results
