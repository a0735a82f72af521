"""What happened in a run, as events: written, read, compared, sent elsewhere."""
