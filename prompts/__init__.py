"""What the language model is told: text files beside this one, rendered strictly."""
