* stored as winsorized
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
* the quantiles p and 1 - p, interpolated as R's default does
mata:
real scalar type7(real colvector v, real scalar p)
{
    real scalar h, j
    h = (rows(v) - 1) * p + 1
    j = floor(h)
    return(v[j] + (h - j) * (v[min((j + 1, rows(v)))] - v[j]))
}
void tails(string scalar name, real scalar p)
{
    real colvector v
    v = st_data(., name)
    v = sort(select(v, v :< .), 1)
    st_numscalar("r(low)", type7(v, p))
    st_numscalar("r(high)", type7(v, 1 - p))
}
end
capture program drop quantiles
program quantiles, rclass
    args name p
    mata: tails("`name'", `p')
    return scalar low = r(low)
    return scalar high = r(high)
end

* --- The data ---
* sha256 33ed789c36bb00c6
import delimited using "data/smart_city.csv", varnames(1) case(preserve) asdouble encoding("UTF-8")
generate long _row = _n
foreach name in city_id year pop pilot so2 pgdp ind2 {
    numeric_column `name'
}
replace province = trim(province)
replace province = "" if inlist(province, "NA", "NaN", "nan", ".", "null", "NULL", "N/A", "#N/A")
drop if missing(city_id)

* --- New columns, on all rows ---
* ln_so2 = log(so2 / pop)
generate double _x1 = so2 / pop
generate double ln_so2 = cond(_x1 > 0 & !missing(_x1), ln(_x1), .)
* ln_so2 = winsorize(ln_so2, 0.01)
quantiles ln_so2 0.01
generate double _x2 = cond(missing(ln_so2), ., min(max(ln_so2, r(low)), r(high)))
generate double ln_so2_v2 = _x2
* did12 = pilot * (year >= 2012)
generate double did12 = pilot * cond(missing(year), ., year >= 2012)
* I(pgdp^2)
generate double I_pgdp_2 = pgdp ^ 2

* --- The sample ---
* rows that are complete in all variables; a clustering drops none
foreach name in ln_so2_v2 did12 pgdp I_pgdp_2 ind2 city_id province year {
    drop if missing(`name')
}
egen long province_year = group(province year)
egen long _g_province = group(province)

* --- The regression ---
* dofadjustments(clusters) counts fixed effects as fixest and specdid do: one redundant level for each effect
* after the first, effects nested in a cluster not at all. reghdfe's own default (pairwise) also takes off
* redundant levels of disconnected groups, so that its standard errors would be slightly smaller.
* reghdfe drops rows that are alone in a level of a fixed effect, as specdid does. areg, xtreg and regress keep
* them: their estimates are the same, their standard errors are not, by little where such rows are few.
display as text "city"
reghdfe ln_so2_v2 did12 pgdp I_pgdp_2 ind2, ///
    absorb(city_id province_year) vce(cluster city_id) dofadjustments(clusters) tolerance(1e-12)
display %14.10g _b[did12] "  (standard error " %14.10g _se[did12] ")"
display as text "province"
reghdfe ln_so2_v2 did12 pgdp I_pgdp_2 ind2, ///
    absorb(city_id province_year) vce(cluster _g_province) dofadjustments(clusters) tolerance(1e-12)
display %14.10g _b[did12] "  (standard error " %14.10g _se[did12] ")"
