"""The shelf of estimators: one file each, found by name and imported on use."""
