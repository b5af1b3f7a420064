"""EAGLE-3 heads on disk, in both dialects: the flat one, and that of speculators; parsed, never executed.

The flat dialect has all numbers in one level and its layer under ``midlayer``. That of speculators nests the layer's
numbers in ``transformer_layer_config`` and has the layer under ``layers.0``. The tensors are the same otherwise.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.drafters.eagle.build import SCALE, HeadFile
from ..engine.model.capability import rope_switch
from ..engine.model.llama import Config
from ..engine.model.rotary import Rotary, rotary_of
from ..system.errors import UserError, reason_of
from ..system.json_lines import DAMAGED
from ..system.sanitise import sanitise_line
from .size import check_memory

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 1 << 22
"""No width and no vocabulary is larger."""
MOST_CONFIG = 1 << 20
"""Bytes of a configuration."""
FLOATS = ("F64", "F32", "F16", "BF16")
PICKLES = ("*.bin", "*.pt", "*.pth")
CONVERT = (
    'convert them where you trust their author: python -c "import torch, safetensors.torch as s; '
    "s.save_file(torch.load('pytorch_model.bin', weights_only=True), 'model.safetensors')\""
)
LAYER = "midlayer."
UNUSED = ("verifier_norm.weight", "verifier_lm_head.weight", "mask_hidden")
"""Tensors of training that drafting does not need."""


class _Wrong(Exception):
    """What is wrong with a head, as a clause."""


def read_head_file(folder: Path, name: str, target: Any) -> HeadFile:
    """A head for a target of this configuration; raises UserError with one line for whatever is wrong with it."""
    title = sanitise_line(name)
    try:
        told = _told(folder)
        return _read(folder, title, told, target)
    except _Wrong as wrong:
        raise UserError(f"the head {title} {wrong}") from wrong


def verifier_of(folder: Path) -> str | None:
    """The model that a head says it was trained for; None if it does not say."""
    try:
        told = _told(folder)["speculators_config"]["verifier"]["name_or_path"]
        return sanitise_line(told) if isinstance(told, str) and told else None
    except (_Wrong, *DAMAGED):
        return None


def _told(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    if not file.is_file():
        raise _Wrong(f"has no config.json in {folder}; give the folder of an EAGLE-3 head")
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_CONFIG + 1)
        told = json.loads(text) if len(text) <= MOST_CONFIG else None
    except (OSError, *DAMAGED) as error:
        raise _Wrong(f"has a damaged config.json ({sanitise_line(reason_of(error))[:120]}); copy it again") from error
    if not isinstance(told, dict):
        raise _Wrong("has a damaged config.json: no object of reasonable size; copy it again")
    return told


# -- the numbers


def _read(folder: Path, title: str, told: dict[str, Any], target: Any) -> HeadFile:
    nested = told.get("transformer_layer_config")
    one = nested if isinstance(nested, dict) else told
    _check_kind(told, one)
    width, heads = _number(one, "hidden_size"), _number(one, "num_attention_heads")
    key_heads = _number(one, "num_key_value_heads", heads)
    size = _number(one, "head_dim", max(1, width // heads))
    if heads % key_heads or size % 2:
        raise _Wrong(f"has {heads} attention heads of {size} over {key_heads}, which cannot be; copy it again")
    vocabulary = _number(one, "vocab_size")
    own = _number(told, "draft_vocab_size", vocabulary)
    if vocabulary != target.vocab_size:
        raise _Wrong(f"is for a vocabulary of {vocabulary} tokens, and the target has {target.vocab_size}; {_OTHER}")
    layers = _layers(told, target.num_hidden_layers)
    eps = one.get("rms_norm_eps", 1e-6)
    if type(eps) not in (int, float) or not 0.0 <= eps < 1.0:
        raise _Wrong("has no sensible rms_norm_eps; copy it again")
    sizes = _sizes(width, heads * size, key_heads * size, size, _number(one, "intermediate_size"))
    sizes |= {"states": len(layers) * target.hidden_size, "all": vocabulary, "own": own}
    tensors = _tensors(folder, sizes)
    if "embed_tokens.weight" not in tensors and width != target.hidden_size:
        raise _Wrong(f"is {width} wide, and the target {target.hidden_size}; {_OTHER}")
    return HeadFile(
        name=title,
        config=Config(heads, key_heads, size, float(eps), size**-0.5),
        layers=layers,
        norm_before_residual=_flag(told, one, "norm_before_residual"),
        tensors=tensors,
        target_ids=_target_ids(tensors, own, vocabulary),
        rotary=_rotary(one, width, heads, size),
    )


def stand_in(target: Any, own: int) -> HeadFile:
    """A head with random weights and a vocabulary of ``own`` tokens, built like a layer of a target: to be timed."""
    import torch

    told = {name: getattr(target, name, None) for name in ("head_dim", "num_key_value_heads", "intermediate_size")}
    width, heads = target.hidden_size, target.num_attention_heads
    size, key_heads = told["head_dim"] or width // heads, told["num_key_value_heads"] or heads
    layers = (0, 0, 0)
    sizes = _sizes(width, heads * size, key_heads * size, size, told["intermediate_size"] or 4 * width)
    sizes |= {"states": len(layers) * width, "own": own}
    needed, _ = _expected()
    tensors = {name: 0.02 * torch.randn([sizes[one] for one in shape]) for name, shape in needed.items()}
    config = Config(heads, key_heads, size, 1e-6, size**-0.5)
    return HeadFile("stand-in", config, layers, False, tensors, torch.arange(own), _rotary({}, width, heads, size))


def _sizes(width: int, q: int, kv: int, head: int, mlp: int) -> dict[str, int]:
    """The sizes of a layer by the names that shapes are told in."""
    return {"d": width, "2d": 2 * width, "q": q, "kv": kv, "head": head, "mlp": mlp}


_OTHER = "it was trained for another model; use a head for this one, or --head none"


def _check_kind(told: Mapping[str, Any], one: Mapping[str, Any]) -> None:
    """Refuse what is no EAGLE-3 head of one Llama layer."""
    config = told.get("speculators_config")
    algorithm = config.get("algorithm") if isinstance(config, dict) else told.get("speculators_model_type", "eagle3")
    if algorithm != "eagle3":
        raise _Wrong(f"is made for {sanitise_line(str(algorithm))[:30]}, not for EAGLE-3; use another head")
    if one.get("num_hidden_layers", 1) != 1:
        raise _Wrong("has several layers; heads of one layer can be used")
    if one.get("hidden_act", "silu") != "silu" or one.get("mlp_bias"):
        raise _Wrong("has an MLP of another kind than Llama's; use another head")
    if told.get("norm_before_fc"):
        raise _Wrong("norms the states before fc, which spectui cannot; use another head")
    if isinstance(eagle := told.get("eagle_config"), dict) and eagle.get("use_aux_hidden_state") is False:
        raise _Wrong("reads one layer of the target, as EAGLE-1 and 2 do; use a head for EAGLE-3")


def _number(told: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = told.get(name)
    value = default if value is None else value
    if value is None:
        raise _Wrong(f"has no {name} in its config.json, so that it is no EAGLE-3 head; use another one")
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise _Wrong(f"has an impossible {name} in its config.json ({sanitise_line(repr(value))[:30]}); copy it again")
    return value


def _flag(told: Mapping[str, Any], one: Mapping[str, Any], name: str) -> bool:
    return bool(told.get(name, one.get(name, False)))


def _layers(told: Mapping[str, Any], count: int) -> tuple[int, ...]:
    """Which states it reads: layer i's are what enters that layer (as vLLM and SGLang count)."""
    eagle = told.get("eagle_config")
    name = "eagle_aux_hidden_state_layer_ids"
    listed = told.get(name) or (eagle.get(name) if isinstance(eagle, dict) else None) or [2, count // 2, count - 3]
    fits = isinstance(listed, list) and all(type(layer) is int and 0 <= layer < count for layer in listed)
    if not fits:
        raise _Wrong(f"reads layers that a target of {count} has not ({sanitise_line(str(listed))[:60]}); {_OTHER}")
    return tuple(listed)


def _rotary(told: Mapping[str, Any], width: int, heads: int, size: int) -> Rotary:
    """The rotary frequencies that the configuration asks for."""
    from transformers import LlamaConfig

    rope = told.get("rope_parameters") or told.get("rope_scaling") or {}
    try:
        rope = dict(rope)
        rope.setdefault("rope_theta", told.get("rope_theta") or 10000.0)
        rope["rope_type"] = rope.pop("type", None) or rope.get("rope_type") or "default"
        config = LlamaConfig(
            hidden_size=width,
            num_attention_heads=heads,
            head_dim=size,
            max_position_embeddings=_number(told, "max_position_embeddings", 2048),
            rope_parameters=rope,
        )
        if rope_switch(config) is None:
            return rotary_of(config)
    except (*DAMAGED, ArithmeticError) as error:
        raise _Wrong("has rotary frequencies that cannot be read; use another head") from error
    raise _Wrong("has rotary frequencies that depend on the length; use another head")


# -- the tensors


def _expected() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Names in the flat dialect and shapes, by the names of sizes: what there must be, and what there may be."""
    attention, mlp = f"{LAYER}self_attn.", f"{LAYER}mlp."
    out = {"q": "q", "k": "kv", "v": "kv"}
    needed = {
        "fc.weight": ("d", "states"),
        **{f"{LAYER}{norm}.weight": ("d",) for norm in ("input_layernorm", "hidden_norm", "post_attention_layernorm")},
        **{f"{attention}{one}_proj.weight": (size, "2d") for one, size in out.items()},
        f"{attention}o_proj.weight": ("d", "q"),
        f"{mlp}gate_proj.weight": ("mlp", "d"),
        f"{mlp}up_proj.weight": ("mlp", "d"),
        f"{mlp}down_proj.weight": ("d", "mlp"),
        "norm.weight": ("d",),
        "lm_head.weight": ("own", "d"),
    }
    optional = {
        "fc.bias": ("d",),
        **{f"{attention}{one}_proj.bias": (size,) for one, size in {**out, "o": "d"}.items()},
        **{f"{attention}{one}_norm.weight": ("head",) for one in "qk"},
        "embed_tokens.weight": ("all", "d"),
        "d2t": ("own",),
        "t2d": ("all",),
    }
    return needed, optional


def _tensors(folder: Path, sizes: Mapping[str, int]) -> dict[str, "Tensor"]:
    """All tensors by their names in the flat dialect; shapes are looked at before anything is read."""
    import torch
    from safetensors import SafetensorError, safe_open

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        if any(next(folder.glob(pattern), None) for pattern in PICKLES):
            raise _Wrong(f"has only pickled weights, which can run code when loaded; {CONVERT}")
        raise _Wrong(f"has no .safetensors file in {folder}; copy it again")
    made: dict[str, torch.Tensor] = {}
    try:
        for file in files:
            with safe_open(file, "pt") as opened:
                names = {_flat(name): name for name in opened.keys()}  # noqa: SIM118
                shapes = {one: opened.get_slice(name) for one, name in names.items()}
                found = {one: (tuple(part.get_shape()), str(part.get_dtype())) for one, part in shapes.items()}
                wanted = _checked(found, sizes)
                check_memory("the head", sum(_elements(found[one][0]) for one in wanted), 4)
                made |= {one: opened.get_tensor(names[one]) for one in wanted}
    except (OSError, SafetensorError, *DAMAGED) as error:
        raise _Wrong(f"is damaged or cut off ({sanitise_line(reason_of(error))[:120]}); copy it again") from error
    needed, _ = _expected()
    for name in needed:
        if name not in made:
            raise _Wrong(f"has no {name}, so that it is no EAGLE-3 head or is not complete; copy it again")
    return made


def _flat(name: str) -> str:
    """A tensor's name in the flat dialect."""
    name = name.removeprefix("model.")
    return LAYER + name.removeprefix("layers.0.") if name.startswith("layers.0.") else name


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _checked(found: Mapping[str, tuple[tuple[int, ...], str]], sizes: Mapping[str, int]) -> list[str]:
    """The tensors of a file that are to be read, after a look at their shapes and types."""
    needed, optional = _expected()
    known, wanted = needed | optional, []
    for name, (shape, dtype) in found.items():
        if name in UNUSED or name.endswith("rotary_emb.inv_freq"):
            continue
        base = name.removesuffix(SCALE)
        if base not in known or (base != name and len(known[base]) != 2):
            raise _Wrong(f"holds {sanitise_line(name)[:60]}, which no head of EAGLE-3 has; use another head")
        expected = tuple(sizes[size] for size in known[base])
        if base != name:
            expected = (expected[0], 1)
        elif dtype == "I8" and f"{name}{SCALE}" not in found:
            raise _Wrong(f"has {name} in int8 without its scale; copy it again")
        if shape != expected:
            raise _Wrong(f"has {name} of shape {list(shape)}, and this target needs {list(expected)}; {_OTHER}")
        if name not in ("d2t", "t2d") and dtype not in FLOATS and not (dtype == "I8" and len(shape) == 2):
            raise _Wrong(f"has {name} as {sanitise_line(dtype)[:10]}; bfloat16, float16, float32 and int8 can be read")
        wanted.append(name)
    return wanted


def _target_ids(tensors: dict[str, "Tensor"], own: int, vocabulary: int) -> "Tensor | None":
    """The target's id of each token of the head; ``d2t`` holds by how much it is larger."""
    import torch

    offsets, mask = tensors.pop("d2t", None), tensors.pop("t2d", None)
    if offsets is None:
        if own != vocabulary:
            raise _Wrong(f"has {own} tokens of {vocabulary} and no d2t that says which; copy it again")
        return None
    if offsets.is_floating_point():
        raise _Wrong("has a d2t that holds no whole numbers; copy it again")
    ids = torch.arange(own) + offsets.long()
    if int(ids.min()) < 0 or int(ids.max()) >= vocabulary or len(set(ids.tolist())) != own:
        raise _Wrong("has a d2t that leads out of the vocabulary or twice to one token; use a head for this model")
    if mask is not None and (int(mask.bool().sum()) != own or not bool(mask.bool()[ids].all())):
        raise _Wrong("has a d2t and a t2d that contradict each other; copy it again")
    return ids
