"""Training for any model: EAGLE-3 heads, and the head by which SpecBranch foresees what the target will accept.

May import: bench and below.
"""
