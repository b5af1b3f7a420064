"""The commands, one file each, and their flags.

May import everything; imports nothing heavy before a command runs.
"""
