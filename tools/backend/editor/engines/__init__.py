"""What paints inside the composer: one module for each engine."""
