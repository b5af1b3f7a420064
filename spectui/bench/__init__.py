"""Measuring and checking: what the promise of the same text is worth, and what a mode buys."""
