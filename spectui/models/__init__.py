"""From names to loaded models, and between text and token ids."""
