"""The program, as ``spectui`` and as ``python -m spectui``: signals and streams come before anything heavy."""

import os

from .system.signals import end, exit_code, install


def main() -> None:
    """Run the program and end the process with its exit code."""
    _open_closed()
    install()
    from .cli.start import prepare
    from .engine.tuning.openmp import rest_soon

    prepare()
    rest_soon()
    from .cli.main import main as run

    try:
        run()
    except SystemExit as leaving:
        end(exit_code() or int(leaving.code or 0), abruptly=False)


def _open_closed() -> None:
    """Give the standard streams that are closed something that fails, before another file gets their numbers."""
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)


if __name__ == "__main__":
    main()
