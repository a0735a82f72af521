"""How a person or a program drives the system: command line, runs, traces, reports, chat models."""
