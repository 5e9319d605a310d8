"""The analyses of a paper, one file each: tables, event studies, tests, placebos."""
