"""One job through the graph, in a run folder that survives a kill."""
