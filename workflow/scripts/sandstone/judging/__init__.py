"""An upscaled volume on the slices of a true fine scan of the same rock."""
