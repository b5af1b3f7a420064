"""The transcript without the terminal: what it holds, how it is laid out, which rows are on show."""
