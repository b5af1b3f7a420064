"""A loaded pair or a server at work: conversation, race, the check of equal texts, the datastore of a tokenizer.

May import: servers and below.
"""
