"""Columns of the tables of pores that verdicts and figures look at; plain Python."""

SURFACE = "surface_per_mm"
PERCOLATES = "percolates"  # begins those of the axes
SPREAD_COLUMNS = ("volume", "measure", "unit", "mean", "low", "high", "seeds", "n")
