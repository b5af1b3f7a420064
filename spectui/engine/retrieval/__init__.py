"""Finding continuations in tokens that are known already."""
