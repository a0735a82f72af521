"""How well a language model drives the loop: what it reads rightly, what it gets done, and what that takes."""
