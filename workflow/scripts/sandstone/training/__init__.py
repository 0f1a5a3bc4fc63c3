"""One training: batches, losses, steps, checkpoints."""
