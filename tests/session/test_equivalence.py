"""Ten prompts of the large check, on the real pair in float32."""

import pytest

from benchmarks.same_text import check, prompts
from spectui.config.choice import ModelChoice


@pytest.mark.slow
def test_no_divergence_that_rounding_does_not_explain():
    texts = [text for _, text in prompts(10)]
    results = check(ModelChoice("demo", dtype="float32"), texts, tokens=48)
    assert {"ar", "draft", "draft tree", "random trees", "a switch at every step"} <= set(results)
    for name, counts in results.items():
        assert counts["runs"] == 30
        assert counts["tokens"] > 500
        assert counts["unexplained"] == 0, name
