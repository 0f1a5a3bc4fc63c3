"""Columns of the tables of pores that verdicts look at; plain Python."""

SURFACE = "surface_per_mm"
PERCOLATES = "percolates"  # begins those of the axes
