"""The audit: a random sample of the specifications estimated again by the reference, on its own rows."""

from specdid._audit.compare import audit_results, start_reference

__all__ = ["audit_results", "start_reference"]
