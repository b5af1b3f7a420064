"""What is measured of the program; the package is loaded before torch, so that threads wait as they do in the program."""

import spectui.engine  # noqa: F401
