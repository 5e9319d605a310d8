"""Ways to match treated with comparable units: one file a method."""
