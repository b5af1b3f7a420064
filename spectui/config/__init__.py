"""What a person may choose: settings, where files live, what to load.

May import: system, engine (its values alone).
"""
