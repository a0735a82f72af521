"""Many sessions in one process: a fair queue before shared models, what happens as events, what there is as values."""
