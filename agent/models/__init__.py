"""Language models: any OpenAI-compatible endpoint, and what servers differ in."""
