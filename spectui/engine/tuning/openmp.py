"""How long threads of OpenMP go on spinning when there is nothing to do; has to be settled before torch is loaded."""

import os
from collections.abc import MutableMapping

SPINS = "40000"
"""Some two milliseconds on the processors seen, enough for the gaps between the parts of a pass and between steps.

The default of 300,000 is some 15 ms: whatever runs beside a pass, the draft model or the screen, has to share a core
with a thread that does nothing: ``GOMP_SPINCOUNT=300000 spectui bench --modes ar,specbranch``.
"""


def rest_soon(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let idle threads sleep soon, unless the user has said something about it."""
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(environment):
        environment["GOMP_SPINCOUNT"] = SPINS
