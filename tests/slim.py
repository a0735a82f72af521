"""A Python without the libraries of models, as after a slim install: it finds none of them."""

from __future__ import annotations

MODELS = ("torch", "diffusers", "transformers")

WITHOUT_MODELS = f"""
import sys


class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {MODELS!r} else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)


sys.meta_path[:] = map(Without, sys.meta_path)
"""
