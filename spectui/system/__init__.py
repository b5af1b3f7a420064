"""What a program needs whatever it does: errors, files, signals, streams, harmless text.

Imports no other room.
"""
