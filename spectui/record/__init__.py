"""Events with text: what the decode thread says, in words; the trace file."""
