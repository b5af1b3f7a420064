"""One file a decoding method; the registry names them all.

May import: tuning and below.
"""
