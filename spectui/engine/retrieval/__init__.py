"""Finding continuations in tokens that are known already.

May import: policy and below. Its datastore alone touches files.
"""
