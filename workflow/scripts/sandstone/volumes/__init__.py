"""Scanners' files of every format, read lazily as one kind of volume."""
