"""The models: the protocol that everything above sees, and the local implementation behind it."""
