"""A reading of a sentence, whoever made it, held against the sentence: mended where it can mean one thing only."""
