"""The one loop: propose, verify, choose, walk, commit, observe."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import starmap

import torch
from torch import Tensor

from ..system.errors import UserError
from .drafters.drafter import Context, Drafter, Resources
from .drafters.registry import MODES
from .model.causal_lm import CausalLM
from .model.forward import Output
from .policy.draft_policy import MOST_NODES, DraftPolicy
from .policy.latency import LatencyModel
from .values.answer import Answer, Limits, cut
from .values.clock import Clock, RealClock, Stopwatch
from .values.draft_tree import ROOT, DraftTree
from .values.events import Prefill
from .values.needs import Needs
from .values.options import Options
from .values.step import Branches, Candidate, Emitted, Fate, Kind, Node, Span, Step, Times
from .verification.sampler import Sampler
from .verification.verifiers import VERIFIERS, Pass, Verdict

MOST_CANDIDATES = 5
"""Tokens that are recorded of what the target could have chosen at a place."""


class Decoder:
    """Decodes one sequence with a target that may be shared; the mode may change between any two steps."""

    def __init__(
        self,
        target: CausalLM,
        resources: Resources,
        limits: Limits,
        latency: LatencyModel | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.target = target
        self.limits = limits
        self.answer = Answer()
        self.clock: Clock = clock or RealClock()
        self.mode = "ar"
        self.options = Options()
        self.latency = latency or LatencyModel()
        self._resources = resources
        self._rule = VERIFIERS[self.options.speculation.rule]
        self._nothing = DraftTree()
        self._cache = target.new_cache()
        self._sampler = self._new_sampler()
        self._drafters: dict[str, Drafter] = {}
        self._policies: dict[str, DraftPolicy] = {}
        self._top_ids: Sequence[int] = ()
        """Ids of the highest logits at the pending token, for drafters that ask for them."""
        self._index = 0

    # -- what may change between steps

    def add_drafter(self, name: str, drafter: Drafter) -> None:
        """Make a drafter known under a name of its own, besides those of the registry."""
        self._drafters[name] = drafter
        self._policies[name] = DraftPolicy(self.latency, drafter.drafts, pauses=not drafter.copies)

    def set_mode(self, mode: str) -> None:
        """Draft with another method from the next step on; KeyError if there is no such mode."""
        if mode not in self._drafters:
            self.add_drafter(mode, MODES[mode].load()(self._resources))
        if mode != self.mode and self.mode in self._drafters:
            self._drafters[self.mode].close()
        self._drafters[mode].begin(self.answer.tokens)
        self._policies[mode].begin()
        self.mode = mode
        if self.answer.tokens:
            self._prepare(self._most(self.answer.prompt_length))

    def close(self) -> None:
        """Give back what the drafters hold besides memory; the decoder stays usable."""
        for drafter in self._drafters.values():
            drafter.close()

    def retire(self) -> None:
        """Give everything back; the decoder is not used any more."""
        self.close()
        self.target.take_back(self._cache)

    def set_options(self, options: Options) -> None:
        """Decode with other options from the next step on."""
        self.options = options
        self._rule = VERIFIERS[options.speculation.rule]
        self._sampler = self._new_sampler()

    def forget(self) -> None:
        """Drop the sequence and free its cache, after a failure that may have left them in between."""
        self.target.free()
        self._cache = self.target.new_cache()
        self.answer = Answer()

    def rewind(self) -> None:
        """Go back to an empty sequence; the cache keeps its memory, drafters what they have learnt."""
        self._cache.truncate(0)
        self.answer = Answer()

    @property
    def needs(self) -> Needs:
        """What the mode wants from the target's passes."""
        return self._drafters[self.mode].needs

    @property
    def vocabulary(self) -> int:
        """Ids below it have text."""
        return self._resources.vocabulary

    @property
    def steps(self) -> int:
        """Steps of the running answer so far."""
        return self._index

    def _new_sampler(self) -> Sampler:
        return Sampler(self.options.sampling, self._resources.vocabulary, self.target.device)

    # -- an answer

    @torch.inference_mode()
    def prefill(self, prompt: Sequence[int], cancelled: Callable[[], bool] = lambda: False) -> Prefill | None:
        """Start an answer: bring the cache up to the prompt and choose the first token; None if cancelled.

        Rows of earlier turns are reused as far as the ids agree. Raises UserError if the prompt leaves no room.
        """
        self._check(prompt)
        self.clock.start()
        watch = Stopwatch()
        same = _common_prefix(self.answer.tokens, prompt, min(self._cache.length, len(prompt) - 1))
        reused = self._cache.truncate(same)
        self.answer = Answer(list(prompt[:reused]), len(prompt))
        if self._make_room(len(prompt)):  # a graph is captured once; no answer is charged with it
            self.clock.start()
            watch = Stopwatch()
        layers, drafter = self._layers, self._drafters[self.mode]
        take = partial(self._hand_out, layers, prompt)
        out = self.target.prefill(self._cache, prompt[reused:], cancelled, layers, take)
        if out is None:
            self.answer = Answer(list(prompt[: self._cache.length]), len(prompt))
            return None
        self.answer.tokens = list(prompt)
        verdict = self._judge(DraftTree(), out, len(prompt) - 1, -1, drafter.needs.top_ids)
        _, self.answer.end = cut(self.answer, [verdict.token], self.limits, self.options.max_new_tokens)
        self.answer.tokens.append(verdict.token)
        self._begin(verdict.top_ids)
        ms = watch.now()
        return Prefill(ms, reused, verdict.token, self.clock.stamp(ms))

    def take_prefill(self, other: "Decoder", made: Prefill) -> Prefill:
        """Start the answer that another decoder of the same target and sampling has just started, without a pass.

        Its rows are copied; the clock is credited with the time that they took.
        """
        self._make_room(other.answer.prompt_length)
        self._cache.copy(other._cache)
        self.answer = Answer(list(other.answer.tokens), other.answer.prompt_length, other.answer.end)
        self._begin(other._top_ids)
        self.clock.start()
        return replace(made, time_ms=self.clock.stamp(made.ms))

    def _make_room(self, prompt: int) -> bool:
        """Memory for the whole answer, so that no step has to stop and copy the cache into a larger one.

        Whether passes were captured for it as well.
        """
        most = self._most(prompt)
        self._cache.reserve(most + MOST_NODES)
        return self._prepare(most)

    def _most(self, prompt: int) -> int:
        """How long the sequence may become."""
        return min(prompt + self.options.max_new_tokens, self.limits.context)

    def _prepare(self, most: int) -> bool:
        """Let the passes be captured that the mode takes until the sequence has ``most`` tokens; whether any was."""
        drafter = self._drafters[self.mode]
        rows = MOST_NODES if drafter.drafts else 1
        captured = self.target.prepare(self._cache, rows, most, self._layers)
        return drafter.prepare(most) or captured

    def _begin(self, top_ids: Sequence[int]) -> None:
        """The first token is chosen; drafters meet the sequence anew."""
        self._top_ids = top_ids
        self._index = 0
        for name, drafter in self._drafters.items():
            drafter.begin(self.answer.tokens)
            self._policies[name].begin()

    def _check(self, prompt: Sequence[int]) -> None:
        if not prompt:
            raise UserError("the prompt is empty; type something first")
        if len(prompt) >= self.limits.context:
            raise UserError(
                f"the conversation has {len(prompt)} tokens and the model's context holds {self.limits.context}; "
                "start a new conversation or ask something shorter"
            )

    @torch.inference_mode()
    def step(self) -> Step:
        """One pass of the target, with whatever the mode drafted for it."""
        watch = Stopwatch()
        drafter, policy = self._drafters[self.mode], self._policies[self.mode]
        tree, limit = self._draft(drafter, policy) if drafter.drafts else (self._nothing, 0)
        watch.lap()
        layers = self._layers
        job = drafter.overlap(tree) if limit else None
        try:
            out = self.target.step(self._cache, self.answer.tokens[-1], tree, layers)
            verdict = self._judge(tree, out, len(self.answer.tokens) - 1, self._index, drafter.needs.top_ids)
            watch.lap()
        except BaseException:
            if job is not None:
                job.cancel()
            raise
        beside = job.join() if job is not None else None
        watch.lap()
        tokens = [tree.tokens[node] for node in verdict.path]
        tokens.append(verdict.token)
        kept, end = cut(self.answer, tokens, self.limits, self.options.max_new_tokens)
        rows = [0, *(node + 1 for node in verdict.path[: kept - 1])]
        self._cache.commit(rows)
        watch.lap()
        branches = job.outcome(tokens[:kept]) if job is not None else None
        step = self._record(tree, verdict, tokens[:kept], limit, out, watch, beside, branches)
        self.answer.tokens.extend(tokens[:kept])
        self.answer.end = end
        self._top_ids = verdict.top_ids
        if out.hidden is not None:
            self._hand_out(layers, self.answer.tokens, step.position, out.hidden[:, rows])
        self._index += 1
        policy.update(step, job.slowdown if job is not None else None)
        for name, other in self._drafters.items():
            other.observe(step, name == self.mode)
        return step

    @property
    def _layers(self) -> tuple[int, ...]:
        """Of which layers states are wanted: also by drafters that pause, so that they lack nothing when they go on."""
        return tuple(sorted({layer for drafter in self._drafters.values() for layer in drafter.needs.hidden}))

    def _hand_out(self, layers: Sequence[int], tokens: Sequence[int], start: int, states: Tensor) -> None:
        """Give each drafter the states that it wants, of verified tokens from ``start`` on."""
        for drafter in self._drafters.values():
            wanted = drafter.needs.hidden
            if wanted:
                own = [layers.index(layer) for layer in wanted]
                drafter.take_states(tokens, start, states if len(own) == len(layers) else states[own])

    def _room(self) -> int:
        """How deep a tree may be: neither the limits nor a change of rotary frequencies may lie inside it."""
        if not self.target.capability.trees:
            return 0
        length = len(self.answer.tokens)
        most = min(self.answer.prompt_length + self.options.max_new_tokens, self.limits.context)
        left = most - length - 1
        return left if self.target.rope_switch is None else min(left, self.target.rope_switch.room(length))

    def _draft(self, drafter: Drafter, policy: DraftPolicy) -> tuple[DraftTree, int]:
        """What is worth verifying of the drafter's proposal, and how many nodes it was allowed to propose."""
        room = self._room()
        limit, why = policy.budget(self.options.speculation, room)
        if not limit:
            return DraftTree(why=why), 0
        context = Context(
            tokens=self.answer.tokens,
            remaining=room,
            speculation=self.options.speculation,
            sampler=self._sampler,
            rule_is_coupled=self._rule.same_text,
            latency=self.latency,
            acceptance=policy.acceptance,
            prompt=self.answer.prompt_length,
            step=self._index,
            top_ids=self._top_ids,
        )
        tree = drafter.propose(context, limit).shallow(room)
        return policy.prune(tree, self.options.speculation, self._rule.prunable), limit

    def _judge(self, tree: DraftTree, out: Output, position: int, step: int, top_ids: int) -> Verdict:
        vocabulary = self._resources.vocabulary
        made = Pass(tree, out.logits, position, step, self.answer.tokens, top_ids, vocabulary)
        return self._rule.judge(made, self._sampler)

    def _record(
        self,
        tree: DraftTree,
        verdict: Verdict,
        emitted: list[int],
        limit: int,
        out: Output,
        watch: Stopwatch,
        beside: tuple[int, int] | None,
        branches: Branches | None,
    ) -> Step:
        nodes = _nodes(tree, verdict.path, len(emitted)) if len(tree) else ()
        wall = watch.now()
        top = self._top(tree, verdict, out) if self.options.inspect else None
        quotes = self._drafters[self.mode].quotes(self.answer.tokens, tree) if self.options.inspect else None
        draft, verified, joined, committed = watch.laps
        spans: tuple[Span, ...] = (Span("draft", 0.0, draft), Span("verify", draft, verified))
        times = Times(draft, verified - draft, committed - joined, max(0.0, wall - committed), wall)
        if beside is not None:
            spans = (*spans, Span("draft", *map(watch.at, beside)))
            times = times._replace(draft=draft + spans[-1].end - spans[-1].start)
        return Step(
            mode=self.mode,
            index=self._index,
            position=len(self.answer.tokens) - 1,
            time_ms=self.clock.stamp(wall),
            nodes=nodes,
            accepted=min(len(verdict.path), len(emitted)),
            emitted=tuple(map(Emitted, emitted, _kinds(nodes, verdict, len(emitted)))),
            ms=times,
            spans=spans,
            limit=limit,
            why_no_draft=None if nodes else tree.why,
            branches=branches,
            target_top=top,
            quotes=quotes,
        )

    def _top(self, tree: DraftTree, verdict: Verdict, out: Output) -> tuple[tuple[Candidate, ...], ...]:
        """The likeliest tokens at the root and each walked node, with the one that was chosen there."""
        made = Pass(tree, out.logits, len(self.answer.tokens) - 1, self._index, self.answer.tokens)
        walked = [ROOT, *verdict.path]
        seen = [made.seen(node) for node in walked] if self._sampler.needs_seen else None
        shares = self._sampler.processed(out.logits[[node + 1 for node in walked]], seen).softmax(-1)
        chosen = [*(tree.tokens[node] for node in verdict.path), verdict.token]
        likeliest = shares.topk(min(MOST_CANDIDATES, shares.shape[-1]), -1).indices.tolist()
        rows = []
        for node, row, ids, token in zip(walked, shares, likeliest, chosen, strict=True):
            noise = self._sampler.noise(made.place(node)) if self._rule.same_text and not self._sampler.greedy else None
            kept = ids if token in ids else [*ids, token]
            rows.append(
                tuple(Candidate(one, float(row[one]), None if noise is None else float(noise[one])) for one in kept)
            )
        return tuple(rows)


def _nodes(tree: DraftTree, path: Sequence[int], emitted: int) -> tuple[Node, ...]:
    drafted = zip(tree.tokens, tree.parents, tree.sources, tree.probabilities, _fates(tree, path, emitted), strict=True)
    return tuple(starmap(Node, drafted))


def _fates(tree: DraftTree, path: Sequence[int], emitted: int) -> list[Fate]:
    """What became of each node when ``path`` was walked and the first ``emitted`` tokens stayed."""
    order = {node: index for index, node in enumerate(path)}
    walked = {ROOT, *path}
    fates: list[Fate] = []
    for node, parent in enumerate(tree.parents):
        if node in order:
            fates.append("accepted" if order[node] < emitted else "cut")
        else:
            fates.append("rejected" if parent in walked else "unreached")
    return fates


def _kinds(nodes: Sequence[Node], verdict: Verdict, emitted: int) -> list[Kind]:
    """What each emitted token is; only the last of a whole walk is the target's own."""
    if not nodes:
        return ["target"]
    accepted = len(verdict.path)
    kinds: list[Kind] = ["accepted"] * min(accepted, emitted)
    if emitted > accepted:
        last = verdict.row - 1
        refused = any(node.fate == "rejected" and node.parent == last for node in nodes)
        kinds.append("correction" if refused else "bonus")
    return kinds


def _common_prefix(old: Sequence[int], new: Sequence[int], most: int) -> int:
    for index in range(min(most, len(old))):
        if old[index] != new[index]:
            return index
    return min(most, len(old))
