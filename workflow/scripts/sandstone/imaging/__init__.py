"""Arrays in memory: grey levels, windows, the field of view, resampling and degradation."""
