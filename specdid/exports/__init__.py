"""A specification as code in another language, one file each."""
