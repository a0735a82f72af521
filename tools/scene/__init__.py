"""The words of the system as small frozen types, the verdict, the layout difference and the solver."""
