* stored as sunab
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
* sha256 38dc83acb46b16ce
import delimited using "data/mpdta.csv", varnames(1) case(preserve) asdouble encoding("UTF-8")
generate long _row = _n
foreach name in countyreal state year first_treat lpop emp {
    numeric_column `name'
}
drop if missing(countyreal)

* --- New columns, on all rows ---
* log(emp)
generate double log_emp = cond(emp > 0 & !missing(emp), ln(emp), .)
* raised = (first_treat > 0) * (year >= first_treat)
generate double raised = cond(missing(first_treat), ., first_treat > 0) * cond(missing(year, first_treat), ., year >= first_treat)
* year::2004:lpop
generate double year_2004_lpop = cond(missing(year), ., year == 2004) * lpop
* year::2005:lpop
generate double year_2005_lpop = cond(missing(year), ., year == 2005) * lpop
* year::2006:lpop
generate double year_2006_lpop = cond(missing(year), ., year == 2006) * lpop
* year::2007:lpop
generate double year_2007_lpop = cond(missing(year), ., year == 2007) * lpop

* --- The sample ---
* rows that are complete in all variables; a clustering drops none
foreach name in log_emp raised year_2004_lpop year_2005_lpop year_2006_lpop year_2007_lpop ///
    countyreal year state {
    drop if missing(`name')
}

* --- The regression ---
* singletons: levels of a fixed effect with one row, until there are none
local rows = 0
while _N != `rows' {
    local rows = _N
    foreach f of varlist countyreal year {
        tempvar size
        bysort `f': generate long `size' = _N
        drop if `size' == 1
        drop `size'
    }
}
* the first treated period; missing is never treated: 0 or after the last period
generate double _cohort = first_treat if first_treat != 0 & first_treat <= 2007
generate double _now = year
quietly summarize _now
replace _cohort = . if _cohort > r(max)
* cohorts that are treated in all of their rows are left out
egen double _starts = min(_now), by(_cohort)
drop if _starts >= _cohort & !missing(_cohort)
* Sun and Abraham (2021): a dummy for each cohort and period since treatment, averaged by their rows
generate double _since = _now - _cohort
egen long _cell = group(_since _cohort) if !missing(_since) & !inlist(_since, -1)
quietly levelsof _cell, local(cells)
foreach k of local cells {
    generate byte _cell`k' = _cell == `k'
}
generate double _rows = 1
* dofadjustments(clusters) counts fixed effects as fixest and specdid do: one redundant level for each effect
* after the first, effects nested in a cluster not at all. reghdfe's own default (pairwise) also takes off
* redundant levels of disconnected groups, so that its standard errors would be slightly smaller.
display as text "county"
reghdfe log_emp _cell?* year_2004_lpop year_2005_lpop year_2006_lpop year_2007_lpop, ///
    absorb(countyreal year) vce(cluster countyreal) dofadjustments(clusters) tolerance(1e-12)
* the effect of a cell that is omitted as collinear is in others
scalar _total = 0
foreach k of local cells {
    quietly summarize _since if _cell == `k'
    scalar _n`k' = 0
    if r(mean) >= 0 {
        quietly summarize _rows if _cell == `k' & e(sample)
        scalar _n`k' = r(sum)
    }
    scalar _total = _total + _n`k'
}
local effect "0"
foreach k of local cells {
    local share = _n`k' / _total
    if `share' > 0 & _se[_cell`k'] > 0 local effect "`effect' + `share' * _cell`k'"
}
quietly lincom `effect'
display %14.10g r(estimate) "  (standard error " %14.10g r(se) ")"
display as text "state"
reghdfe log_emp _cell?* year_2004_lpop year_2005_lpop year_2006_lpop year_2007_lpop, ///
    absorb(countyreal year) vce(cluster state) dofadjustments(clusters) tolerance(1e-12)
quietly lincom `effect'
display %14.10g r(estimate) "  (standard error " %14.10g r(se) ")"
