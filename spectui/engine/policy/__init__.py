"""Does a draft pay, and how much of it: latency T(m), acceptance, the draft policy.

May import: verification and below.
"""
