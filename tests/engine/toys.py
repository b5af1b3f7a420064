"""Tiny models and drafters that the engine's tests share."""

import random

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from spectui.engine.decoder import Decoder
from spectui.engine.drafters.drafter import Context, Drafter, Resources
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.values.answer import Limits
from spectui.engine.values.draft_tree import ROOT, DraftTree
from spectui.engine.values.options import Options
from spectui.engine.values.step import Source

from .heads import tiny_head

VOCABULARY = 61
TINY = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}


def opinionated(model, dtype=torch.float64):
    """Random weights, enlarged so that the choices are not close to each other."""
    model = model.to(dtype).eval()
    for parameter in model.parameters():
        parameter.data.mul_(3.0)
    return model


def tiny_model(seed=0, dtype=torch.float64, **changes):
    torch.manual_seed(seed)
    return opinionated(LlamaForCausalLM(LlamaConfig(**{**TINY, **changes})), dtype)


def model_of(config, seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    return opinionated(AutoModelForCausalLM.from_config(config), dtype)


def four_bits(weight, seed=0):
    """Random weights of the shape of ``weight`` as a Q4_1 file holds them: float16 scales and minima."""
    generator = torch.Generator().manual_seed(seed)
    out, width = weight.shape
    steps = torch.randint(0, 16, (out, width // 32, 32), generator=generator)
    steps[..., 0], steps[..., 1] = 0, 15  # as they come out of quantisation: the extremes are taken
    scale = (torch.rand(out, width // 32, 1, generator=generator) * weight.std() / 4).half().float()
    return (steps * scale - (8 * scale).half().float()).flatten(1)


def with_four_bits(model):
    """Give the decoder layers weights that come in 4 bits."""
    for number, module in enumerate(model.model.layers.modules()):
        if isinstance(module, torch.nn.Linear):
            module.weight.data = four_bits(module.weight.data, number).to(module.weight.dtype)
    return model


def related(model, amount=0.15, seed=9):
    """A copy of a model with noise on its weights: a draft that is often right."""
    torch.manual_seed(seed)
    other = type(model)(model.config).to(model.dtype).eval()
    other.load_state_dict(model.state_dict())
    for parameter in other.parameters():
        parameter.data.add_(torch.randn_like(parameter) * parameter.std() * amount)
    return other


def random_tree(rng, vocabulary, tokens=(), most=9, depth=6):
    """A random forest below the root, often made of tokens that occur in the sequence."""
    tree = DraftTree()
    for _ in range(rng.randint(0, most)):
        parents = [ROOT, *(node for node in range(len(tree)) if tree.depths[node] < depth)]
        token = rng.choice(tokens) if tokens and rng.random() < 0.5 else rng.randrange(vocabulary)
        tree.add(token, rng.choice(parents), Source("random"), rng.random())
    return tree


class RandomTrees(Drafter):
    """Proposes random trees, and now and then the truth if it is told it."""

    def __init__(self, resources, seed=0, truth=()):
        super().__init__(resources)
        self.rng = random.Random(seed)
        self.truth = list(truth)

    def propose(self, context: Context, limit: int) -> DraftTree:
        tree = random_tree(self.rng, self.resources.vocabulary, context.tokens, depth=max(1, context.remaining))
        ahead = self.truth[len(context.tokens) : len(context.tokens) + self.rng.randint(0, 6)]
        node = ROOT
        for token in ahead:
            if (len(tree) and self.rng.random() < 0.1) or len(tree) >= limit:
                break
            node = tree.add(token, node, Source("truth"), 0.9)
        return tree.shallow(context.remaining)


def decoder_of(target, draft=None, mode="ar", options=None, context=200, eos=(), stop=None, cost=None, head=None):
    target = target if isinstance(target, CausalLM) else CausalLM(target)
    draft = draft if draft is None or isinstance(draft, CausalLM) else CausalLM(draft)
    limits = Limits(context, frozenset(eos), **({"stop": stop} if stop else {}))
    vocabulary = target.config.vocab_size
    decoder = Decoder(target, Resources(vocabulary, draft, eagle=head or tiny_head(target.model)), limits, cost)
    decoder.set_options(options or Options())
    decoder.set_mode(mode)
    return decoder


def install(decoder, drafter, name="toy"):
    """Give a decoder a drafter that is in no registry."""
    decoder.add_drafter(name, drafter)
    decoder.set_mode(name)


def run(decoder, prompt, before_step=None):
    """Decode to the end; the answer's ids and its steps."""
    decoder.prefill(prompt)
    steps = []
    while decoder.answer.end is None:
        if before_step:
            before_step(decoder)
        steps.append(decoder.step())
        cached = decoder._cache
        assert cached.length == len(decoder.answer.tokens) - 1
        assert cached.scratch == 0
    return list(decoder.answer.emitted), steps
