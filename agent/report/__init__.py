"""A run's story as one page."""
