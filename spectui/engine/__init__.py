"""Token ids in, steps out: the decoding engine. It knows no text, no terminal and nothing of the rest of spectui."""

from .openmp import rest_soon

rest_soon()
