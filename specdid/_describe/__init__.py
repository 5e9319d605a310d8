"""What a curve says without a test: which choices matter, how sensitive it is, what a referee asks."""
