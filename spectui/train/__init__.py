"""Training for any model: the head by which SpecBranch foresees what the target will accept.

May import: bench and below.
"""
