"""Times that policies decide by: measured at load, and hardly moved by a pass that takes very long."""

from types import SimpleNamespace

import pytest
import torch
from transformers import MambaConfig

from spectui.engine import measurement as timings
from spectui.engine.decoder import Decoder
from spectui.engine.drafters import branch_growth, draft_model, model_drafter, pass_timer, specbranch
from spectui.engine.drafters.draft_model import DraftModel
from spectui.engine.drafters.drafter import Context, Resources
from spectui.engine.drafters.eagle.drafter import Eagle
from spectui.engine.drafters.ranking import Candidate
from spectui.engine.drafters.registry import MODES
from spectui.engine.drafters.specbranch import SpecBranch
from spectui.engine.measurement import Timings, head_pass_ms, hold, measure_all, rehearse
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.policy import latency
from spectui.engine.policy.acceptance import AcceptanceModel
from spectui.engine.policy.latency import LatencyModel, RunningMedian
from spectui.engine.tuning.background_worker import ThreadSplit
from spectui.engine.values.answer import Limits
from spectui.engine.values.options import Sampling, Speculation
from spectui.engine.verification.sampler import Sampler

from .heads import tiny_head
from .toys import VOCABULARY, model_of, related, tiny_model

CURVE = LatencyModel({1: 4.0, 2: 4.2, 4: 4.5, 8: 5.0, 16: 6.0, 32: 9.0, 64: 16.0})
PASS = 0.3
LIMITS = Limits(200, frozenset({3}))


@pytest.fixture(scope="module")
def target():
    return CausalLM(tiny_model())


@pytest.fixture(scope="module")
def draft(target):
    return CausalLM(related(target.model))


class Clock:
    """Time that passes only where a stand-in says so; in milliseconds."""

    def __init__(self):
        self.ms = 0.0

    def __call__(self):
        return self.ms / 1e3


class Confident:
    """Stands in for the draft model's cache: sure of every token, and slow in some of its passes."""

    def __init__(self, clock, slow, factor=50.0):
        self.clock, self.slow, self.factor, self.passes = clock, set(slow), factor, 0

    def catch_up(self, tokens):
        self.clock.ms += 2.0 * PASS
        return self._logits()

    def feed(self, tree, nodes):
        self.clock.ms += PASS * (self.factor if self.passes in self.slow else 1.0)
        self.passes += 1
        return SimpleNamespace(logits=self._logits())

    def _logits(self):
        logits = torch.zeros(1, VOCABULARY)
        logits[0, 7] = 12.0
        return logits


def chains(monkeypatch, draft, known, slow, proposals=30, factor=50.0):
    """Lengths of the chains that a draft model proposes whose passes take long now and then."""
    clock = Clock()
    for module in (draft_model, model_drafter, pass_timer):
        monkeypatch.setattr(module, "perf_counter", clock)
    monkeypatch.setattr(draft_model, "DraftCache", lambda _: Confident(clock, slow, factor))
    drafter = DraftModel(Resources(VOCABULARY, draft, **known))
    context = Context([1, 2, 3], 60, Speculation(), Sampler(Sampling(), VOCABULARY, draft.device), True, CURVE,
                      AcceptanceModel())  # fmt: skip
    return [len(drafter.propose(context, 64)) for _ in range(proposals)]


@pytest.mark.parametrize("known", [{"draft_ms": PASS}, {"draft_ms": 50 * PASS}, {}], ids=["true", "wrong", "unknown"])
def test_a_first_pass_that_takes_fifty_times_as_long_cuts_no_chain_for_more_than_a_step_or_two(
    monkeypatch, draft, known
):
    lengths = chains(monkeypatch, draft, known, slow=[0])
    usual = chains(monkeypatch, draft, {"draft_ms": PASS}, slow=[])[0]
    assert usual > 4
    most = 0 if known.get("draft_ms") == PASS else 5 if known else 1
    assert lengths[most + 1 :] == [usual] * len(lengths[most + 1 :])
    assert sum(length < usual for length in lengths) <= most + 1


@pytest.mark.parametrize("slow", [[3], [20, 21], [4, 30, 31, 60], range(10, 14)])
def test_passes_that_are_slow_now_and_then_cut_no_chain(monkeypatch, draft, slow):
    lengths = chains(monkeypatch, draft, {"draft_ms": PASS}, slow)
    assert len(set(lengths)) == 1


def test_a_draft_model_that_has_become_slow_is_asked_for_less_and_for_more_again_later(monkeypatch, draft):
    lengths = chains(monkeypatch, draft, {"draft_ms": PASS}, slow=range(40, 50), factor=20.0)
    assert min(lengths) == 1
    assert lengths[-1] == lengths[0] > 4, "reading what was accepted shows that it is fast again"


def test_the_usual_time_ignores_outliers_and_forgets_a_wrong_beginning():
    usual = RunningMedian(1.0)
    for ms in (50.0, 50.0, 1.0, 1.0, 50.0, 1.0, 50.0, 1.0, 1.0):
        usual.update(ms)
        assert usual.value == 1.0
    wrong = RunningMedian(50.0)
    for _ in range(4):
        wrong.update(1.0)
    assert wrong.value == 1.0
    assert RunningMedian().value == 0.0


def test_a_pass_of_the_target_that_takes_fifty_times_as_long_hardly_moves_the_curve():
    cost = LatencyModel(CURVE.points)
    cost.update(8, 250.0)
    assert cost.verify_ms(8) < 1.15 * 5.0
    assert cost.verify_ms(1) < 1.05 * 4.0
    for _ in range(10):
        cost.update(8, 5.0)
    assert cost.verify_ms(8) == pytest.approx(5.0, rel=0.05)


def test_a_curve_that_was_measured_on_a_busy_machine_is_mended():
    cost = LatencyModel({size: 10.0 * ms for size, ms in CURVE.points.items()})
    for _ in range(250):
        cost.update(8, 5.0)
    assert cost.verify_ms(8) < 1.3 * 5.0


def test_a_slow_pass_of_the_draft_model_shortens_no_branch(draft, monkeypatch):
    clock = Clock()
    passes = Confident(clock, slow=[1])
    monkeypatch.setattr(branch_growth, "perf_counter", clock)
    monkeypatch.setattr(specbranch, "DraftCache", lambda _: passes)
    drafter = SpecBranch(Resources(VOCABULARY, draft, share=ThreadSplit(draft_ms=PASS)))
    context = Context([1, 2, 3], 60, Speculation(draft_tokens=4), Sampler(Sampling(), VOCABULARY, draft.device), True,
                      CURVE, AcceptanceModel())  # fmt: skip
    free = context._replace(speculation=Speculation())
    before = drafter.branch_length(free)
    drafter.overlap(drafter.propose(context, 64)).join()
    assert passes.passes == 4
    drafter.observe(SimpleNamespace(branches=None), True)
    assert drafter.branch_length(free) == before > 4
    drafter.close()


class Asynchronous(Confident):
    """A device that works by itself: a call returns at once, and who fetches what it gave waits for it."""

    def _logits(self):
        return SimpleNamespace(is_cpu=False)


class Fetching:
    """Stands in for the ranking: ``pending`` passes take their time when they are fetched, and not before."""

    def __init__(self, clock, passes):
        self.clock, self.passes = clock, passes

    def best(self, context, logits, behind, width):
        self.clock.ms += PASS * (50.0 if self.passes.passes in self.passes.slow else 1.0)
        self.passes.slow.discard(self.passes.passes)
        return [(Candidate(7, 0.999, 0.999),)]


@pytest.mark.parametrize("known", [{"draft_ms": PASS}, {"draft_ms": 0.01 * PASS}, {}], ids=["true", "low", "unknown"])
@pytest.mark.parametrize("slow", [[], [1]], ids=["even", "first one recorded"])
def test_a_pass_ends_when_it_is_fetched_where_a_device_works_by_itself(monkeypatch, draft, known, slow):
    clock = Clock()
    passes = Asynchronous(clock, slow)
    passes.catch_up = lambda tokens: passes._logits()
    passes.feed = lambda tree, nodes: (
        setattr(passes, "passes", passes.passes + 1) or SimpleNamespace(logits=passes._logits())
    )
    for module in (draft_model, model_drafter, pass_timer):
        monkeypatch.setattr(module, "perf_counter", clock)
    monkeypatch.setattr(draft_model, "DraftCache", lambda _: passes)
    drafter = DraftModel(Resources(VOCABULARY, draft, **known))
    drafter._ranking = Fetching(clock, passes)
    context = Context([1, 2, 3], 60, Speculation(), Sampler(Sampling(), VOCABULARY, draft.device), True, CURVE,
                      AcceptanceModel())  # fmt: skip
    for _ in range(30):
        drafter.propose(context, 64)
    assert drafter.pass_ms.value == pytest.approx(PASS), "the call alone takes nothing, and a recording counts once"


def test_a_first_pass_of_each_size_that_is_recorded_is_in_no_time(monkeypatch):
    clock, recorded = Clock(), set()

    def run(rows):
        clock.ms += 0.2 if rows in recorded else 151.0
        recorded.add(rows)

    monkeypatch.setattr(latency, "perf_counter", clock)
    made = latency.measure(run, seconds=1.0, warm_up=True)
    assert made.points == pytest.approx(dict.fromkeys(latency.SIZES, 0.2))


def test_a_cpu_is_not_asked_for_passes_that_nobody_times(monkeypatch, target):
    asked = []
    monkeypatch.setattr(timings, "measure", lambda run, seconds, warm_up: asked.append(warm_up) or CURVE)
    measure_all(target, Resources(VOCABULARY), LIMITS, ())
    assert asked == [False]


# -- at load


def test_every_time_is_known_before_the_first_answer(target, draft):
    resources = Resources(VOCABULARY, draft, eagle=tiny_head(target.model), eagle_ms=0.25)
    made = measure_all(target, resources, LIMITS, tuple(MODES))
    assert made.verify_ms[1] > 0.0
    assert made.draft_ms > 0.0
    assert made.share.draft_ms > 0.0
    known = made.given_to(resources)
    decoder = Decoder(target, known, LIMITS, LatencyModel(made.verify_ms))
    for mode in MODES:
        decoder.set_mode(mode)
    assert DraftModel(known).pass_ms.value == made.draft_ms
    assert Eagle(known).pass_ms.value == 0.25
    assert head_pass_ms(resources.eagle) > 0.0
    assert SpecBranch(known).pass_ms.value == made.share.draft_ms
    decoder.close()


def test_without_a_draft_model_or_trees_there_is_less_to_measure(target):
    alone = measure_all(target, Resources(VOCABULARY), LIMITS, ("ar", "sssd"))
    assert (alone.draft_ms, alone.share) == (0.0, None)
    plain = CausalLM(model_of(MambaConfig(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=1, state_size=4)))
    assert measure_all(plain, Resources(VOCABULARY), LIMITS, ("ar",)) == Timings(threads=torch.get_num_threads())
    assert hold(Timings(), plain, Resources(VOCABULARY))


@pytest.mark.parametrize("context", [2, 5, 40])
def test_modes_are_rehearsed_in_the_smallest_context(target, draft, context):
    resources = Resources(VOCABULARY, draft, eagle=tiny_head(target.model))
    rehearse(target, resources, Limits(context, frozenset()), LatencyModel(), tuple(MODES))


@pytest.mark.parametrize(
    ("factors", "true"),
    [((1.0, 1.0, 1.0), True), ((1.4, 1.0, 1.4), True), ((2.5, 2.0, 3.0), True),
     ((1.6, 1.0, 1.0), False), ((5.0, 5.0, 5.0), False), ((1.0, 0.6, 1.0), False),
     ((1.0, 1.0, 50.0), False)],
)  # fmt: skip
def test_times_of_an_earlier_start_hold_if_a_few_passes_compare_as_they_did(monkeypatch, target, draft, factors, true):
    known = Timings(CURVE.points, PASS, ThreadSplit(draft_ms=PASS))
    taken = iter(ms * factor for ms, factor in zip((CURVE.points[1], CURVE.points[8], PASS), factors, strict=True))
    monkeypatch.setattr(timings, "pass_ms", lambda *args, **kwargs: next(taken))
    assert hold(known, target, Resources(VOCABULARY, draft)) is true
