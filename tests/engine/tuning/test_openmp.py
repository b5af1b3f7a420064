"""How long idle threads spin is settled before torch is loaded, and only if nobody else has settled it."""

import os
import subprocess
import sys

import pytest

from spectui.engine.tuning.openmp import SPINS, rest_soon


@pytest.mark.parametrize("own", [{"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "passive"}])
def test_what_the_user_has_said_stands(own):
    environment = dict(own)
    rest_soon(environment)
    assert environment == own


def test_it_is_settled_before_torch_is_loaded():
    code = (
        "import os, sys; sys.argv = ['spectui', '--version']\n"
        "import spectui.cli.main, spectui.__main__ as program\n"
        "spectui.cli.main.main = lambda: print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)\n"
        "program.main()"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    said = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [SPINS, "False"]
