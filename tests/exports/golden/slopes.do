* stored as slopes
* two lines * / x y
* Needs Stata 16 or later with reghdfe (ssc install).

version 16
clear all
set varabbrev off

* a column that is numeric but for words that stand for missing, TRUE and FALSE
capture program drop numeric_column
program numeric_column
    args name
    capture confirm string variable `name'
    if _rc {
        recast double `name'
        exit
    }
    generate double _value = real(trim(`name'))
    replace _value = 1 if inlist(trim(`name'), "TRUE", "True", "true")
    replace _value = 0 if inlist(trim(`name'), "FALSE", "False", "false")
    drop `name'
    rename _value `name'
end

* --- The data ---
* sha256 b0429da8dd0dc87f
import delimited using "data/castle.csv", varnames(1) case(preserve) asdouble encoding("UTF-8")
generate long _row = _n
foreach name in sid year post homicide l_police l_prisoner popwt {
    numeric_column `name'
}
replace state = trim(state)
replace state = "" if inlist(state, "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A")
replace region = trim(region)
replace region = "" if inlist(region, "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A")
drop if missing(sid)

* --- New columns, on all rows ---
* log(homicide)
generate double log_homicide = cond(homicide > 0 & !missing(homicide), ln(homicide), .)

* --- The sample ---
generate byte _keep = (state != "Florida" & !missing(state))
keep if _keep
* rows that are complete in all variables; a clustering drops none
foreach name in log_homicide post l_police l_prisoner year popwt sid region {
    drop if missing(`name')
}
keep if popwt > 0
egen long region_year = group(region year)
egen long _g_sid = group(sid)

* --- The regression ---
* dofadjustments(clusters) counts fixed effects as fixest and specdid do: one redundant level for each effect
* after the first, effects nested in a cluster not at all. reghdfe's own default (pairwise) also takes off
* redundant levels of disconnected groups, so that its standard errors would be slightly smaller.
* reghdfe drops rows that are alone in a level of a fixed effect, as specdid does. areg, xtreg and regress keep
* them: their estimates are the same, their standard errors are not, by little where such rows are few.
display as text "state"
reghdfe log_homicide post l_police l_prisoner [aweight = popwt], ///
    absorb(i._g_sid##c.(year) region_year) vce(cluster _g_sid) dofadjustments(clusters) tolerance(1e-12)
display %14.10g _b[post] "  (standard error " %14.10g _se[post] ")"
display as text "state and year"
reghdfe log_homicide post l_police l_prisoner [aweight = popwt], ///
    absorb(i._g_sid##c.(year) region_year) vce(cluster _g_sid year) dofadjustments(clusters) tolerance(1e-12)
display %14.10g _b[post] "  (standard error " %14.10g _se[post] ")"
