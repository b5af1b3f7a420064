import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectui.system.sanitise import sanitise, sanitise_line

from ..hostile import FORBIDDEN, HOSTILE

ANY = st.text(alphabet=st.characters(codec=None))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_text_reaches_the_terminal(text):
    assert not FORBIDDEN & set(sanitise(text))
    sanitise(text).encode()


@given(ANY)
def test_every_text_becomes_harmless_and_keeps_its_length(text):
    clean = sanitise(text)
    assert not FORBIDDEN & set(clean)
    assert len(clean) == len(text)
    assert sanitise(clean) == clean


@given(ANY, ANY)
def test_pieces_may_be_cleaned_one_by_one(a, b):
    assert sanitise(a) + sanitise(b) == sanitise(a + b)


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_text_stays_as_it_is(text):
    assert sanitise(text) == text


def test_what_people_write_stays_as_it_is():
    text = "tab\tline\nfamily 👨‍👩‍👧 flag 🇩🇪 1️⃣ naïve 漢字 فارسی é"
    assert sanitise(text) == text


def test_one_line_places_get_one_line():
    assert sanitise_line("a\nb\tc\x1b") == "a␊b c␛"
