"""Synthetic sandstone with the physics of a scan."""
