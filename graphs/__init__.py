"""The state machine: state, nodes, routing, one graph factory."""
