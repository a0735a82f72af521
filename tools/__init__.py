"""What the language model can call: detect, inspect, suggest_layout, edit."""
