"""What is said when a model cannot be loaded."""

import pytest

from spectui.config.choice import ModelChoice
from spectui.models.failures import explain
from spectui.models.resolve import resolve
from spectui.system.errors import UserError


@pytest.mark.parametrize(("told", "said"), [
    ("404 from http://127.0.0.1:40123/nobody", "not in the local cache and the hub could not give it"),
    ("401 Client Error", "gated or private"),
    ("Access to model nobody/nothing is restricted (403)", "gated or private"),
])  # fmt: skip
def test_the_digits_of_a_port_are_no_status(told, said):
    place = resolve(ModelChoice("nobody/nothing"))[0]
    with pytest.raises(UserError, match=said), explain(place):
        raise OSError(told)
