"""A trained model as a folder that transformers loads: bfloat16 on disk, float32 in use."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .llama import EPSILON, THETA, Llama
from .tokenizer import END_ID, PADDING_ID, POSITIONS


def _config(model: Llama) -> LlamaConfig:
    shape = model.shape
    return LlamaConfig(
        vocab_size=model.embed_tokens.num_embeddings,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=POSITIONS,
        rms_norm_eps=EPSILON,
        rope_theta=THETA,
        tie_word_embeddings=True,
        bos_token_id=PADDING_ID,
        eos_token_id=END_ID,
        pad_token_id=PADDING_ID,
    )


def export(model: Llama, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model with its tokenizer.

    ``config.json`` says float32, so that the weights are computed with in float32: bfloat16 products are slow on most CPUs.
    """
    made = LlamaForCausalLM(_config(model))
    state = {f"model.{name}": value.detach().clone() for name, value in model.named_parameters()}
    made.load_state_dict({**state, "lm_head.weight": state["model.embed_tokens.weight"]})
    made.to(torch.bfloat16)
    made.generation_config = GenerationConfig(
        bos_token_id=PADDING_ID,
        eos_token_id=[END_ID, PADDING_ID],
        pad_token_id=PADDING_ID,
        max_new_tokens=256,
        do_sample=False,
    )
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_weights(model: Llama, folder: Path) -> None:
    """Give a model the weights of one that was exported; ValueError if their names or shapes are others."""
    found = load_file(folder / "model.safetensors")
    try:
        model.load_state_dict({name.removeprefix("model."): value.float() for name, value in found.items()})
    except RuntimeError as error:
        raise ValueError(f"{folder} holds a model of another shape") from error
