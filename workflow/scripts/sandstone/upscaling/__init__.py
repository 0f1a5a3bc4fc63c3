"""Whole volumes, upscaled block by block."""
