"""Settings, in one typed place, and the presets."""
