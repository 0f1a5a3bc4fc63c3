"""Whole volumes, enlarged block by block."""
