"""What the decode thread says, in words: records, the trace file, replay, and every number, defined once.

May import: models and below.
"""
