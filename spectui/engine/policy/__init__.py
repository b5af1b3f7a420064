"""Whether to draft and how much of it to verify: latency T(m), acceptance, the draft policy.

May import: verification and below.
"""
