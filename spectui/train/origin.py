"""What a folder of training belongs to: nothing of another model or of another drafter is mixed with it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..models.fingerprint import fingerprint
from ..system.errors import UserError, reason_of
from ..system.files import private_folder, write_whole
from ..system.json_lines import DAMAGED
from ..system.sanitise import sanitise_line
from ..system.typed_json import read_as
from .model_folder import CONFIG, WEIGHTS
from .target import Target

FILE = "origin.json"
REMEDY = "choose another --output"


@dataclass(frozen=True, slots=True)
class Origin:
    """The drafter that is trained, and the target that answers."""

    drafter: str
    """As people read it, with its article."""
    model: str
    layers: int
    hidden_size: int
    tokenizer: str
    """Its fingerprint."""

    @classmethod
    def of(cls, target: Target, drafter: str) -> "Origin":
        """Of a drafter for a target."""
        tokenizer = "" if target.pair.tokenizer is None else fingerprint(target.pair.tokenizer)
        return cls(drafter, target.pair.name, target.layers, target.hidden_size, tokenizer)


def claim(folder: Path, training: Path, origin: Origin) -> None:
    """Make ``training``, below ``folder``, the place where this drafter is trained.

    Raises UserError if it belongs to something else, or if ``folder`` holds a model that was not trained there.
    """
    file, shown = training / FILE, sanitise_line(str(folder))
    try:
        if not training.exists() and any((folder / name).exists() for name in (CONFIG, WEIGHTS)):
            raise UserError(f"{shown} holds a model that would be overwritten; {REMEDY}")
        private_folder(training)
        if not file.exists():
            write_whole(file, json.dumps(asdict(origin)).encode())
            return
        found = read_as(Origin, json.loads(file.read_bytes()))
    except OSError as error:
        raise UserError(f"cannot train in {shown}: {reason_of(error)}; {REMEDY}") from error
    except DAMAGED as error:
        raise UserError(f"{file} is damaged; {REMEDY}") from error
    if found != origin:
        what = sanitise_line(f"{found.drafter} for {found.model}")[:80]
        same = (found.drafter, found.model) == (origin.drafter, origin.model)
        other = " of another size or tokenizer" if same else ""
        raise UserError(f"{shown} holds the training of {what}{other}; {REMEDY}")
