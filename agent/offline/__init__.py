"""A language model that needs no network: a grammar that reads sentences, and a planner behind a chat model's face.

It says what it cannot parse, quoting the words; it never guesses.
"""
