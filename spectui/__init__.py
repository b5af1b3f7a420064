"""spectui: watch a language model decode speculatively, in the terminal."""

__version__ = "0.1.0"
