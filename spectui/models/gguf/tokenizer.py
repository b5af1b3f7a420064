"""The tokenizer of a GGUF file as the files that transformers reads: vocabulary, merges, how text is split, template.

transformers' own converters know fewer ways to split text (a number of SmolLM2's would stay whole), so that the parts
are put together here, from ``tokenizers``' own.
"""

from collections.abc import Mapping
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

from ...system.errors import UserError
from ...system.sanitise import sanitise_line
from .header import GgufHeader

CONTROL, USER_DEFINED = 3, 4
ENDS = (
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "</s>",
)
"""Control tokens that end an answer whatever the file calls its end token, as llama.cpp has it."""
_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST
_QWEN2 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = {
    **dict.fromkeys(("llama3", "llama-v3", "llama-bpe", "falcon3", "dbrx", "smaug-bpe", "pixtral"), _LLAMA3),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "megrez"), _QWEN2),
    "tekken": _TEKKEN,
}
"""How a text is cut before the merges, by the name that llama.cpp gave it."""
DIGITS = ("smollm", "refact", "starcoder", "command-r", "codeshell")
"""GPT-2's way, with every digit alone."""
GPT2 = ("gpt-2", "gpt2", "default", "mpt", "olmo", "jais", "exaone4", "")
WHOLE = ("llama3", "llama-v3", "llama-bpe", "tekken", "pixtral")
"""Those that take a word which is a token as it is, and that begin every text with their first token."""


def tokenizer_files(header: GgufHeader) -> tuple[str, dict[str, Any]]:
    """The texts of ``tokenizer.json``, and what is in ``tokenizer_config.json``; raises UserError if there is none."""
    return _Maker(header).files()


def end_ids(header: GgufHeader) -> list[int]:
    """Every token that ends an answer."""
    told = (header.metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot", "eom"))
    tokens, kinds = _tokens(header), header.metadata.get("tokenizer.ggml.token_type") or []
    named = [place for place, kind in enumerate(kinds[: len(tokens)]) if kind == CONTROL and tokens[place] in ENDS]
    ids = [index for index in told if isinstance(index, int) and 0 <= index < len(tokens)]
    return list(dict.fromkeys([*ids, *named]))


def _tokens(header: GgufHeader) -> list[str]:
    found = header.metadata.get("tokenizer.ggml.tokens")
    if not isinstance(found, list) or not found or not isinstance(found[0], str):
        raise UserError(
            f"{sanitise_line(header.path.name)} has no tokenizer; use another GGUF file of this model, or its "
            "safetensors"
        )
    return found


class _Maker:
    def __init__(self, header: GgufHeader) -> None:
        self._header, self._tokens = header, _tokens(header)
        self._shown = sanitise_line(header.path.name)
        self._model, self._cut = str(self._told("model", "")), str(self._told("pre", ""))
        kinds = self._told("token_type", None) or []
        self._kinds = kinds if len(kinds) == len(self._tokens) else [1] * len(self._tokens)

    def _told(self, name: str, default: Any) -> Any:
        return self._header.metadata.get(f"tokenizer.ggml.{name}", default)

    def files(self) -> tuple[str, dict[str, Any]]:
        makers = {"gpt2": self._byte_level, "llama": self._sentencepiece}
        if self._model not in makers:
            raise UserError(
                f"{self._shown} has a tokenizer of the kind {sanitise_line(self._model)[:30] or 'unknown'}, which "
                "cannot be read from GGUF; use the model's safetensors"
            )
        try:
            made = makers[self._model]()
        except UserError:
            raise
        except Exception as error:  # whatever the library raises for a merge of tokens that are none, and the like
            line = sanitise_line(str(error))[:100]
            raise UserError(f"the tokenizer of {self._shown} is damaged ({line}); download it again") from error
        self._add_special(made)
        if self._begins():
            self._begin(made)
        return made.to_str(), self._config()

    def _byte_level(self) -> Tokenizer:
        merges = [_pair(line) for line in self._told("merges", [])]
        vocabulary = {token: index for index, token in enumerate(self._tokens)}
        made = Tokenizer(BPE(vocabulary, merges, ignore_merges=self._cut in WHOLE))
        if self._cut in SPLITS:
            split = pre_tokenizers.Split(Regex(SPLITS[self._cut]), behavior="isolated")
            cuts = [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        elif self._cut in GPT2 or self._cut in DIGITS:
            digits = [pre_tokenizers.Digits(individual_digits=True)] if self._cut in DIGITS else []
            cuts = [*digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
        else:
            raise UserError(
                f"{self._shown} splits text in a way that spectui does not know ({sanitise_line(self._cut)[:30]}); "
                "use the model's safetensors"
            )
        made.pre_tokenizer = pre_tokenizers.Sequence(cuts)
        made.decoder = decoders.ByteLevel()
        if SPLITS.get(self._cut) == _QWEN2:
            made.normalizer = normalizers.NFC()
        return made

    def _sentencepiece(self) -> Tokenizer:
        gemma = self._header.architecture.startswith("gemma")
        tokens = [_respelled(token) for token in self._tokens] if gemma else self._tokens
        vocabulary = {token: index for index, token in enumerate(tokens)}
        scores = self._told("scores", None)
        if gemma or not isinstance(scores, list) or len(scores) != len(tokens):
            scores = [-index for index in range(len(tokens))]
        unknown = self._special("unknown")
        merges = _merges(vocabulary, dict(zip(tokens, scores, strict=True)))
        made = Tokenizer(BPE(vocabulary, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))
        prefix = bool(self._told("add_space_prefix", not gemma))
        if gemma:
            made.normalizer = normalizers.Replace(" ", "▁")
            made.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
        else:
            scheme = "first" if prefix else "never"
            made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme, split=False)
        strip = [decoders.Strip(content=" ", left=1)] if prefix and not gemma else []
        made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip])
        return made

    def _add_special(self, made: Tokenizer) -> None:
        """Tokens that are never cut: those of control, and those that somebody added."""
        known = made.get_vocab()
        for kind, add in ((CONTROL, made.add_special_tokens), (USER_DEFINED, made.add_tokens)):
            named = [token for token, its in zip(self._tokens, self._kinds, strict=True) if its == kind]
            add([AddedToken(token, normalized=False, special=kind == CONTROL) for token in named if token in known])

    def _begins(self) -> bool:
        """Whether every text begins with a token of its own."""
        default = self._model == "llama" or self._cut in WHOLE
        return bool(self._told("add_bos_token", default)) and self._special("bos") is not None

    def _begin(self, made: Tokenizer) -> None:
        first = str(self._special("bos"))
        made.post_processor = processors.TemplateProcessing(
            single=[first, "$A"],
            pair=[first, "$A:0", f"{first}:1", "$B:1"],
            special_tokens=[(first, int(self._told("bos_token_id", 0)))],
        )

    def _special(self, name: str) -> str | None:
        index = self._told(f"{name}_token_id", None)
        return self._tokens[index] if isinstance(index, int) and 0 <= index < len(self._tokens) else None

    def _config(self) -> dict[str, Any]:
        names = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
        special: Mapping[str, str | None] = {key: self._special(name) for key, name in names.items()}
        template = self._header.metadata.get("tokenizer.chat_template")
        return {
            "backend": "tokenizers",
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "model_max_length": int(self._header.metadata.get(f"{self._header.architecture}.context_length", 4096)),
            **{key: token for key, token in special.items() if token is not None},
            **({"chat_template": template} if isinstance(template, str) and template.strip() else {}),
        }


def _pair(line: Any) -> tuple[str, str]:
    left, right = str(line).split(" ")
    return left, right


def _respelled(token: str) -> str:
    """Gemma's tokens of several spaces are stored as such, but looked up with every space marked."""
    return token if token.strip(" ") else "▁" * len(token)


def _merges(vocabulary: Mapping[str, int], scores: Mapping[str, float]) -> list[tuple[str, str]]:
    """What sentencepiece would merge, best first: every way to make a token of two others."""
    found: list[tuple[float, tuple[str, str]]] = []
    for token, score in scores.items():
        halves = ((token[:cut], token[cut:]) for cut in range(1, len(token)))
        ways = [(left, right) for left, right in halves if left in vocabulary and right in vocabulary]
        ways.sort(key=lambda way: (vocabulary[way[0]], vocabulary[way[1]]))
        found.extend((-score, way) for way in ways)
    found.sort(key=lambda item: item[0])
    return [way for _, way in found]
