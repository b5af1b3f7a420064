"""What goes wrong while loading, said in one line with the remedy."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from .resolve import Place

PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "consolidated.00.pth")
_UNAUTHORISED = re.compile(r"\b40[13]\b")
"""The status of an answer, and no part of a port or of a name."""


@contextmanager
def explain(place: Place) -> Iterator[None]:
    """Turn whatever transformers raises while loading ``place`` into a UserError."""
    if place.local and place.shape is None:
        _check_folder(place)
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(_reason(place, error)) from error


def _check_folder(place: Place) -> None:
    folder = Path(place.source)
    config = folder / "config.json"
    if not config.is_file():
        raise UserError(f"{place.source} is not a model folder: it has no config.json")
    try:
        parsed = json.loads(config.read_bytes())
    except RecursionError as error:
        raise UserError(_nested(config)) from error
    except (ValueError, OSError) as error:
        raise UserError(f"{config} is damaged ({sanitise_line(str(error))}); copy the model again") from error
    if not isinstance(parsed, dict):
        raise UserError(f"{config} is damaged: not an object; copy the model again")
    if any("eagle" in str(name).lower() for name in _listed(parsed.get("architectures"))):
        raise UserError(f"{place.title} is an EAGLE head, not a model; give it as --head beside its target")
    if not any(folder.glob("*.safetensors")):
        if any((folder / name).exists() for name in PICKLES):
            raise UserError(
                f"{place.source} has only pickled weights, which can run code when loaded; "
                "convert them to safetensors (save_pretrained does it) or use another copy"
            )
        raise UserError(f"{place.source} has no weights: no .safetensors file in it")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _nested(file: Path) -> str:
    return f"{sanitise_line(str(file))} is nested too deeply to be read; copy the model again or use another one"


def _too_deep(place: Place) -> Path:
    """The file of a model that makes a reader of JSON give up, or the folder if no single one does."""
    for file in sorted(Path(place.source).glob("*.json")):
        try:
            json.loads(file.read_bytes())
        except RecursionError:
            return file
        except (ValueError, OSError):
            continue
    return Path(place.source)


def _reason(place: Place, error: Exception) -> str:
    kind, text = type(error).__name__, sanitise_line(str(error).strip().split("\n")[0])[:300]
    low = str(error).lower()
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or "can't allocate memory" in low:
        return f"{place.title} does not fit into memory; use a smaller model, a smaller dtype or another device"
    if isinstance(error, RecursionError) or "recursion" in low:
        return _nested(_too_deep(place))
    if "trust_remote_code" in low or "custom code" in low:
        return f"{place.title} needs its own code to run; add --trust-remote-code if you trust its authors"
    if "gated" in low or kind == "GatedRepoError" or _UNAUTHORISED.search(low):
        return f"{place.title} is gated or private: accept its licence on the hub, then `hf auth login`"
    if kind in ("SafetensorError",) or ("safetensor" in low and ("header" in low or "invalid" in low)):
        return f"the weights of {place.title} are damaged or cut off ({text}); download or copy them again"
    if "safetensors" in low and not place.local:
        return f"{place.title} has no safetensors weights, and pickled ones can run code; use another model"
    if not place.local and (isinstance(error, OSError) or "connect" in low or "offline" in low):
        why = "does not answer" if place.cached else f"could not give it ({kind})"
        return f"{place.title} is not in the local cache and the hub {why}; {place.remedy}"
    if "backend tokenizer" in low:
        return f"{place.title} has no tokenizer that can be read; copy its tokenizer.json beside its weights"
    if "unrecognized" in low or "does not recognize this architecture" in low or "autoconfig" in low:
        return f"{place.title} is not a causal language model that this transformers knows; use another model"
    return f"{place.title} could not be loaded: {kind}: {text}"
