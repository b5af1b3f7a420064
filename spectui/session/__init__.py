"""A loaded pair at work: conversation, race, the check of equal texts, the datastore of a tokenizer.

May import: record and below.
"""
