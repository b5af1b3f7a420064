"""Measuring modes and peers on many questions, and racing them without a screen.

May import: present and below.
"""
