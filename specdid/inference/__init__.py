"""Nulls for a whole curve, one file each, and the statistics tested under them."""
