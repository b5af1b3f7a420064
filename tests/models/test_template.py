"""Chat templates of strangers, and prompts of strangers."""

import copy
import os
import time
import tracemalloc

import pytest

from spectui.config.choice import ModelChoice
from spectui.engine.values.options import Options
from spectui.models import template
from spectui.models.template import prompt_ids
from spectui.record.events import EndText, Failed, Ready
from spectui.session.session import Session
from spectui.system.errors import UserError

pytestmark = pytest.mark.oldest

HELLO = [{"role": "user", "content": "Hello!"}]
NESTED_LOOPS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
NO_TIME, NO_MEMORY = "took more than 1 s", "took too much memory"
HOSTILE = {
    "nested loops": (NESTED_LOOPS, NO_TIME),
    "a power": ("{{ 7 ** (10 ** 9) }}", NO_TIME),
    "a long string": ("{{ 'a' * 10 ** 10 }}", NO_MEMORY),
    "doubling": (
        "{% set n = namespace(s='a') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
        f"({NO_TIME}|{NO_MEMORY})",
    ),
    "a wide field": ("{{ '%09999999999d' % 1 }}", f"({NO_TIME}|{NO_MEMORY})"),
    "recursion": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "refuses this conversation: maximum recursion"),
    "a refusal": ("{{ raise_exception('no ' ~ messages[0].role) }}", "refuses this conversation: no user"),
    "no template": ("{% if %}", "refuses this conversation"),
}


@pytest.fixture
def strange(tokenizer, monkeypatch):
    """A tokenizer that has not come with the program."""
    monkeypatch.setattr(template, "PATIENCE", 1.0)
    made = copy.deepcopy(tokenizer)
    made.name_or_path = "strange"
    return made


def test_a_template_gives_the_same_ids_in_a_process_of_its_own(tokenizer, strange):
    assert prompt_ids(strange, HELLO) == prompt_ids(tokenizer, HELLO)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_is_ended(strange, name):
    text, said = HOSTILE[name]
    kept, strange.chat_template = strange.chat_template, text
    begun = time.monotonic()
    with pytest.raises(UserError, match=f"the model's chat template {said}") as caught:
        prompt_ids(strange, HELLO)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - begun < 20.0
    strange.chat_template = kept
    assert prompt_ids(strange, HELLO)
    with pytest.raises(ChildProcessError):  # none is left behind
        os.waitpid(-1, os.WNOHANG)


def test_the_chat_goes_on_after_a_template_that_loops(tokenizer, tmp_path, monkeypatch):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    monkeypatch.setattr(template, "PATIENCE", 1.0)
    made = copy.deepcopy(tokenizer)
    made.chat_template = "{% if 'loop' in messages[-1].content %}" + NESTED_LOOPS + "{% endif %}" + made.chat_template
    made.save_pretrained(tmp_path)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=4096, **shape)).save_pretrained(tmp_path)
    records = []
    session = Session(ModelChoice(str(tmp_path), "none"), Options(max_new_tokens=3), "ar", records.append)
    session.load()

    def end(count):
        limit = time.monotonic() + 60
        while sum(isinstance(record, EndText) for record in records) < count and time.monotonic() < limit:
            assert not any(isinstance(record, Failed) for record in records), records
            time.sleep(0.02)
        return [record.end for record in records if isinstance(record, EndText)][-1]

    while not any(isinstance(record, Ready | Failed) for record in records):
        time.sleep(0.02)
    try:
        session.ask("please loop")
        assert "the model's chat template took more than 1 s" in end(1).message
        session.ask("please do not")
        assert end(2).reason == "length"
    finally:
        session.close(5.0)


@pytest.mark.parametrize("text", ["word " * 4_000_000, " " * 20_000_000, "\u00e9\u0301" * 5_000_000])
def test_a_prompt_that_cannot_fit_is_refused_before_it_is_tokenised(tokenizer, text):
    tracemalloc.start()
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"has [\d,]{9,10} characters; the model's context holds 2,048 tokens; shorten"):
        prompt_ids(tokenizer, [{"role": "user", "content": text}], 2048)
    assert time.monotonic() - begun < 10.0
    assert tracemalloc.get_traced_memory()[1] < 2 * len(text.encode()) + 50_000_000
    tracemalloc.stop()


class Wide:
    """A tokenizer with tokens of 128 characters, as some have for runs of spaces."""

    chat_template = None

    def __call__(self, text, **_):
        return {"input_ids": [0] * -(-len(text) // 128)}


@pytest.mark.parametrize(("tokens", "fits"), [(900, True), (1100, False)])
def test_many_characters_of_few_tokens_are_not_refused_for_their_number(tokens, fits):
    message = {"role": "user", "content": " " * 128 * tokens}
    assert len(message["content"]) > template.SPARSE * 1000
    if fits:
        assert len(prompt_ids(Wide(), [message], 1000)) >= tokens
    else:
        with pytest.raises(UserError, match="shorten it"):
            prompt_ids(Wide(), [message], 1000)


def test_half_a_character_is_named_and_not_blamed_on_the_template(tokenizer):
    with pytest.raises(UserError, match="character 4 of the text is none"):
        prompt_ids(tokenizer, [{"role": "user", "content": "abc\udcff"}])
