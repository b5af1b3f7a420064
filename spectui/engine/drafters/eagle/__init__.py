"""EAGLE-3: a head of one decoder layer drafts from the target's own states.

May import: the files of drafters, and below.
"""
