"""The command that measures the constants finds each of them, wherever it has gone."""

from benchmarks.constants import constants


def test_every_constant_that_is_measured_exists_and_is_set_back():
    for constant in constants():
        before = constant.value
        for value in constant.values.values():
            with constant.set_to(value):
                assert constant.value == value
        assert constant.value == before
