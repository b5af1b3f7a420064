"""Immutable values that everyone may import: steps, events, options, draft trees.

Imports no other room of the engine.
"""
