"""A backend in another process: the client that is a `Backend`, the worker that has the models, and their words."""
