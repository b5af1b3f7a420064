"""The numbers that a model can compute with, as ``--dtype`` names them."""

INT8 = "int8"
"""Linear layers with weights and inputs of 8 bits."""
INT4 = "int4"
"""Decoder layers with weights of 4 bits in groups, and inputs in bfloat16; the output layer is in int8."""
QUANTISED = (INT8, INT4)
DTYPES = ("auto", "float32", "bfloat16", "float16", "float64", *QUANTISED)
