"""How the work is spread over threads and devices, found by trying.

May import: retrieval and below.
"""
