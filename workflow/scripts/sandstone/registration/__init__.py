"""Two scans of one rock: how they lie on each other, and how one saw what the other saw."""
