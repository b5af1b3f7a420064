"""Models that are loaded once in a test process, for all tests that are not about loading."""

from dataclasses import replace
from functools import cache

from spectui.config.choice import ModelChoice, StoreChoice
from spectui.config.settings import Settings
from spectui.engine.measurement import Timings
from spectui.engine.policy.latency import LatencyModel
from spectui.session.conversation import Progress, load_models
from spectui.session.datastore import open_store
from spectui.session.runtime import Runtime

IDLE = Timings({1: 1.4, 2: 1.7, 4: 2.1, 8: 2.5, 16: 3.7, 32: 5.5, 64: 10.0}, draft_ms=0.3)
"""Milliseconds of the demo pair on an idle machine: a busy one at load shall not decide what is drafted."""

DEMO = ModelChoice("demo")
SETTINGS = Settings(model=DEMO).with_flags("datastore", learn=True)
"""What tests begin with: the default model is a real one where its weights are, and nobody is asked about learning."""


@cache
def loaded(choice: ModelChoice) -> Runtime:
    """What a choice gives, without a datastore; no test may change it."""
    found = load_models(choice, None, lambda *_: None)
    times = replace(IDLE, share=found.resources.share)
    return replace(found, latency=LatencyModel(times.verify_ms), resources=times.given_to(found.resources))


def runtime(**wishes: str) -> Runtime:
    """The demo pair, or what else was wished for."""
    return loaded(replace(DEMO, **wishes))


def shared(choice: ModelChoice, store: StoreChoice | None, progress: Progress) -> Runtime:
    """A loader for sessions: the models are loaded already, the datastore is opened anew."""
    found = loaded(choice)
    if store is None:
        return found
    opened, notes = open_store(found.pair.tokenizer, found.pair.vocabulary, found.pair.name, store)
    ready = replace(found.ready, notes=(*found.ready.notes, *notes))
    return replace(found, ready=ready, store=opened, compares=store.compares)
