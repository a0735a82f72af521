"""Files of networks that are fetched on demand: which there are, where they lie, how they come here."""
