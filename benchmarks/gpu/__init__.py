"""One command that says how spectui does on a GPU: ``python -m benchmarks.gpu OUT``. It needs no Textual."""
