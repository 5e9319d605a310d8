"""The plan: every specification of a study, in an order that depends on study and column names alone."""

from specdid._plan.build import build_plan
from specdid._plan.records import Dimension, Grid, Plan, PlanStatus, Reason

__all__ = ["Dimension", "Grid", "Plan", "PlanStatus", "Reason", "build_plan"]
