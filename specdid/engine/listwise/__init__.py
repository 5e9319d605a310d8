"""Least squares for specifications that each have their own rows (``missing = "listwise"``)."""

from specdid.engine.listwise.groups import group_keys
from specdid.engine.listwise.members import fit, supports

__all__ = ["fit", "group_keys", "supports"]
