"""The terminal application: screens and widgets that live on records.

May import: present, session and below.
"""
