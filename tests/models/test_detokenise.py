import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from spectui.models.detokenise import Detokeniser, token_texts
from spectui.system.sanitise import sanitise

from ..hostile import FORBIDDEN

pytestmark = pytest.mark.oldest

TEXTS = [
    "Hello, world!\n\tIndented.",
    "naïve café — “quotes” … é",
    "漢字かな交じり文 한국어",
    "family 👨‍👩‍👧‍👦 end",
    "flags 🇩🇪🇫🇷 and 👋🏽 and 1️⃣",
    "فارسی و עברית",
    "👩",
    "🇩",
]


def pieces(tokenizer, ids):
    reader = Detokeniser(tokenizer)
    return [*(reader.push(token) for token in ids), reader.flush()]


@pytest.mark.parametrize("text", TEXTS)
def test_the_pieces_join_to_the_text(tokenizer, text):
    assert "".join(pieces(tokenizer, tokenizer.encode(text))) == sanitise(text)


@settings(max_examples=150)
@given(st.lists(st.integers(3, 4095), max_size=60))
def test_any_ids_give_the_text_of_a_full_decode(tokenizer, ids):
    joined = "".join(pieces(tokenizer, ids))
    expected = sanitise(tokenizer.decode(ids, skip_special_tokens=True))
    assert joined.replace("�", "") == expected.replace("�", "")
    assert not FORBIDDEN & set(joined)


def test_a_grapheme_belongs_to_the_token_that_completes_it(tokenizer):
    ids = tokenizer.encode("a👨‍👩‍👧b", add_special_tokens=False)
    shown = [piece for piece in pieces(tokenizer, ids) if piece]
    assert shown[0] == "a"
    assert "".join(shown[1:]).startswith("👨‍👩‍👧")
    assert all(not piece.endswith("\u200d") and not piece.startswith("\u200d") for piece in shown)


def test_an_incomplete_character_at_the_end_is_not_lost(tokenizer):
    ids = tokenizer.encode("x漢", add_special_tokens=False)[:-1]
    assert "".join(pieces(tokenizer, ids)) == sanitise(tokenizer.decode(ids))


def test_special_tokens_have_no_text_but_a_name(tokenizer):
    reader = Detokeniser(tokenizer)
    assert reader.push(2) == ""
    assert reader.copy().preview(2) == "<|im_end|>"
    ids = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], return_dict=True)["input_ids"]
    assert "".join(token_texts(tokenizer, ids)).startswith("<|im_start|>user\nHi<|im_end|>")


def test_a_copy_goes_its_own_way(tokenizer):
    rng = random.Random(0)
    ids = [rng.randrange(3, 4096) for _ in range(30)]
    reader = Detokeniser(tokenizer)
    first = [reader.push(token) for token in ids[:15]]
    other = reader.copy()
    for token in (5, 6, 7):
        other.preview(token)
    rest = [reader.push(token) for token in ids[15:]]
    assert "".join([*first, *rest, reader.flush()]) == "".join(pieces(tokenizer, ids))


def test_previews_read_as_the_text_would(tokenizer):
    ids = tokenizer.encode("the quick brown fox", add_special_tokens=False)
    reader = Detokeniser(tokenizer)
    assert "".join(reader.preview(token) for token in ids) == "the quick brown fox"


def test_words_marked_by_a_leading_space_keep_their_spaces():
    words = {"▁Hello": 0, "▁big": 1, "▁world": 2, "<unk>": 3}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    made = PreTrainedTokenizerFast(tokenizer_object=raw)
    assert pieces(made, [0, 1, 2]) == ["Hello", " big", " world", ""]
