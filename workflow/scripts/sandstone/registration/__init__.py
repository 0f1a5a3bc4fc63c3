"""Two scans of one rock: how they lie on each other, and the coarse one on the fine one's grid."""
