"""Conversations that are kept, in one SQLite file.

May import: record and below.
"""
