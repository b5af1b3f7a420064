import pytest
from transformers import AutoTokenizer

from spectui.models.registry import demo_folder


@pytest.fixture(scope="session")
def tokenizer():
    return AutoTokenizer.from_pretrained(demo_folder() / "target")
