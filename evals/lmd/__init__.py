"""The LMD benchmark: its prompts, its scoring and its tables."""
