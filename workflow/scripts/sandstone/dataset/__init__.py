"""Slices into HR/LR tile pairs, split by depth, and the files that hold them."""
