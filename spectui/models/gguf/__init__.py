"""GGUF files: read with bounds, made into an ordinary model folder, and kept in the user's cache."""
