"""Lanes that are OpenAI-compatible servers: a client, and what each engine says about its drafts.

May import: system.
"""
