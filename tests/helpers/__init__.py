"""What several tests need: tiny trainings, small volumes, killed processes."""
