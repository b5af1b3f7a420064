"""One part of the report in a process of its own; each figure is a line of JSON, flushed at once.

python -m benchmarks.gpu.part NAME FILE --seconds 60
"""

import argparse
import json
from importlib import import_module
from pathlib import Path

import torch

from .figure import Setting


def main() -> None:
    """Run the part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    figures = import_module(f"{__package__}.{args.name}").figures
    with args.file.open("a", encoding="utf-8") as file:
        for figure in figures(Setting(device, args.seconds)):
            print(json.dumps(figure._asdict()), file=file, flush=True)


if __name__ == "__main__":
    main()
