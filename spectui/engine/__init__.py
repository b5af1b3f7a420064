"""Token ids in, steps out: the decoding engine. It knows no text and no terminal.

May import: system. Its own rooms from the bottom up: values, model, verification, policy, retrieval, tuning, drafters;
above them the loop (decoder), the race, the worker and the measurement at load.
"""
