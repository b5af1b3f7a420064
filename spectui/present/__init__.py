"""What screens, reports and pages share: the looks of tokens, sentences about steps, tables, summaries.

May import: record and below.
"""
