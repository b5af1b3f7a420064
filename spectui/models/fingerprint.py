"""Which tokenizer it is: what was stored as ids means something only to the tokenizer that made them."""

import json
from hashlib import blake2b
from typing import Any


def fingerprint(tokenizer: Any) -> str:
    """16 hexadecimal digits that two tokenizers share if they have the same vocabulary."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return blake2b(json.dumps(vocabulary).encode(), digest_size=8).hexdigest()
