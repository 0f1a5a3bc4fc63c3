"""What each result came from: its record, its code, the crate of a run."""
