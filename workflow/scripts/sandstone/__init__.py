"""Modules that the workflow's scripts share; each has one job, named by its file."""
