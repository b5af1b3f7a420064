"""Which head goes with a target, and where it is: beside the program, in the hub's cache, or on the hub."""

from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.choice import ModelChoice
from ..system.errors import UserError
from ..system.progress import Progress
from ..system.sanitise import sanitise_line
from .registry import known_models
from .resolve import Place, meant, place, trained
from .sources import cached_file

if TYPE_CHECKING:
    from ..engine.drafters.eagle.build import HeadFile

NONE = "none"
NO_SAFETENSORS = "weights in safetensors"


@dataclass(frozen=True, slots=True)
class FoundHead:
    """A head for a target, or why there is none; and what a person should know about it."""

    file: "HeadFile | None" = None
    why_not: str | None = None
    notes: tuple[str, ...] = ()


def shipped_folder() -> Path:
    """Below it every head that comes with the program has a folder, called like its target."""
    return Path(str(files(__package__))) / "heads"


def head_place(choice: ModelChoice) -> Place | None:
    """Where the head is that was asked for, or that belongs to the model; None if there is none.

    One that was trained here goes before those of the registry.
    Raises UserError for a name that can be nothing of these.
    """
    if choice.head == NONE:
        return None
    if not choice.head and (own := trained(place(meant(choice.model)))):
        return own
    known = known_models().get(choice.head or meant(choice.model))
    if known is not None:
        found = [where for one in known.heads if (where := _listed(one)) is not None]
        if not found and choice.head:
            raise UserError(f"there is no head for {known.name} here; give a folder or a hub id, or --head none")
        return next((where for where in found if where.local), found[0] if found else None)
    return _given(choice.head) if choice.head else None


def brings_head(choice: ModelChoice) -> bool:
    """Whether what was chosen has a head at hand, as far as that is known before it is loaded."""
    with suppress(UserError):
        where = head_place(choice)
        return where is not None and where.local
    return False


def _listed(name: str) -> Place | None:
    """One of the registry's: a folder that comes with the program, or a hub id."""
    if "/" in name:
        return _on_hub(name)
    folder = shipped_folder() / name
    return Place(name, str(folder), local=True) if (folder / "config.json").is_file() else None


def _on_hub(name: str) -> Place:
    config = cached_file(name, "config.json")
    here = config is not None and next(config.parent.glob("*.safetensors"), None) is not None
    return Place(name, str(config.parent) if here and config else name, local=here)


def _given(name: str) -> Place:
    """What a person typed that is no name of the registry."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Place(folder.resolve().name, str(folder), local=True)
    if folder.exists() or name.startswith((".", "~", "/")) or name.count("/") != 1 or " " in name:
        what = "is no folder" if folder.exists() else "does not exist"
        raise UserError(f"the head {sanitise_line(name)} {what}; give the folder with its config.json, or a hub id")
    return _on_hub(name)


def find_eagle_head(choice: ModelChoice, target: Any, title: str, progress: Progress) -> FoundHead:
    """The head for a target of this configuration; raises UserError if one was asked for and cannot be had.

    Where nobody asked, what stands in the way is a note.
    """
    try:
        place = head_place(choice)
        if place is None:
            return FoundHead()
        return _found(place, target, title, progress)
    except UserError as error:
        if choice.head:
            raise
        return FoundHead(why_not=str(error), notes=(f"no head: {error}",))


def _found(place: Place, target: Any, title: str, progress: Progress) -> FoundHead:
    from .head_files import read_head_file, verifier_of

    folder = Path(place.source) if place.local else _fetched(place, progress)
    progress(f"loading the head {place.title}", None)
    file, made_for = read_head_file(folder, place.title, target), verifier_of(folder)
    other = made_for is not None and made_for.rpartition("/")[2].lower() not in _names(title)
    note = f"the head {place.title} was trained for {made_for}; with another model less of its drafts is accepted"
    return FoundHead(file, notes=(note,) if other else ())


def _names(title: str) -> set[str]:
    """What a target may be called."""
    known = known_models().get(title)
    return {name.rpartition("/")[2].lower() for name in (title, *([known.target] if known else []))}


def _fetched(place: Place, progress: Progress) -> Path:
    """The folder of a head on the hub, once it is here."""
    from .fetch import fetch
    from .head_files import CONVERT

    try:
        fetch(place, lambda done, total: progress(f"fetching {place.title}", done / max(1, total)))
    except UserError as error:
        if NO_SAFETENSORS in str(error):
            raise UserError(
                f"the head {place.title} has no weights in safetensors, and pickled ones can run code; {CONVERT}"
            ) from error
        raise
    found = _on_hub(place.source)
    if not found.local:
        raise UserError(f"the head {place.title} could not be fetched whole; try again")
    return Path(found.source)
