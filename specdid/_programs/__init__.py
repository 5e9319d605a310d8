"""What programs in Python, R and Stata are made of: what they must do, and the pieces that estimators share."""
