"""A conversation about one picture: turns, undo and branches, on disk at any moment."""
