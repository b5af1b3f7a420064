"""What the libraries that load models are told before they are imported, because they look only then."""

import os
from collections.abc import MutableMapping

QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}


def be_quiet(environment: MutableMapping[str, str] = os.environ) -> None:
    """Ask for silence, and for no threads of the tokenizer's own, unless the user has asked for something else."""
    for name, value in QUIET.items():
        environment.setdefault(name, value)
