"""The target's choice of tokens and the walk through a draft tree.

May import: model and below.
"""
