"""MFSN in the report: tables 1 and 5, figure 4, search trajectories, the exhaustive check."""
