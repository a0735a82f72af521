"""The embedded default: a world of icons, its renderer, training recipes and trained weights."""
