"""From names to loaded models, and between text and token ids."""

from .quiet import be_quiet

be_quiet()
