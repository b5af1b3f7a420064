"""A causal language model behind one interface: forward passes, KV cache, tree attention, CUDA graphs.

May import: values.
"""
