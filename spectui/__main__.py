"""``python -m spectui``."""

from .cli import main

main()
