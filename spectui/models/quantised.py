"""Checkpoints whose weights are packed: which can run here, and what to use instead of the others."""

import re
from importlib.util import find_spec
from typing import Any

from ..system.errors import UserError
from ..system.sanitise import sanitise_line

NEEDS = {
    "gptq": ("gptqmodel", True),
    "awq": ("gptqmodel", True),
    "bitsandbytes": ("bitsandbytes", True),
    "fp8": ("accelerate", True),
    "fbgemm_fp8": ("fbgemm_gpu", True),
    "compressed-tensors": ("compressed_tensors", False),
    "aqlm": ("aqlm", False),
    "hqq": ("hqq", True),
    "quanto": ("optimum.quanto", False),
    "torchao": ("torchao", False),
    "eetq": ("eetq", True),
    "higgs": ("flute", True),
    "mxfp4": ("kernels", True),
}
"""How it was packed -> the module that unpacks it, and whether it works on CUDA devices alone."""
SUFFIX = re.compile(
    r"[-_.](gptq|awq|bnb|fp8|nf4|int4|int8|4bit|8bit|w\d+a\d+|quantized|unsloth|dynamic).*$", re.IGNORECASE
)


def check_quantised(title: str, config: Any, device: str) -> None:
    """Raise UserError if the model of a configuration is packed in a way that cannot be unpacked here."""
    told = getattr(config, "quantization_config", None)
    if told is None:
        return
    kind = told.get("quant_method") if isinstance(told, dict) else getattr(told, "quant_method", None)
    kind = sanitise_line(str(getattr(kind, "value", kind) or "unknown").lower())[:30]
    module, cuda = NEEDS.get(kind, ("", False))
    if cuda and device != "cuda":
        why = "runs on CUDA devices only"
    elif not module:
        why = "nobody here can unpack"
    elif not _installed(module):
        why = f"needs the package {module.partition('.')[0]}, which is not installed"
    else:
        return
    raise UserError(f"{title} is quantised with {kind}, which {why}; use {_instead(title)}")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def _instead(title: str) -> str:
    plain = SUFFIX.sub("", title)
    own = f"the model that it was made from ({plain})" if plain != title else "the model that it was made from"
    return f"{own}, or a GGUF file of it (owner/name:file.gguf)"
