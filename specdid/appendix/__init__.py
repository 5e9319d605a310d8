"""The appendix: from results to a paper without retyping."""
