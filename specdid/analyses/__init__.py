"""The analyses of section 7, one file each: tables, event studies, tests, placebos."""
