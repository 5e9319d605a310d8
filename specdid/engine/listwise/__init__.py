"""Least squares for specifications that each have their own rows (``missing = "listwise"``)."""

from specdid.engine.listwise.members import fit, group_keys, supports

__all__ = ["fit", "group_keys", "supports"]
