"""The shelf of figures: one file a plug-in."""
