"""The GenEval benchmark: its prompts, its rules, and what a preset makes of them before and after correction."""
