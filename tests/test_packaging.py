"""What a wheel built from this folder contains."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.oldest

ROOT = Path(__file__).parents[1]
DATA = [
    "spectui/models/demo/target/model.safetensors",
    "spectui/models/demo/target/config.json",
    "spectui/models/demo/target/tokenizer.json",
    "spectui/models/demo/draft/model.safetensors",
    "spectui/models/registry.toml",
    "spectui/models/examples.toml",
    "spectui/tui/spectui.tcss",
    "spectui/bench/demo.jsonl",
    "spectui/bench/schema.json",
    "spectui/record/schema.json",
    "spectui/py.typed",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    with zipfile.ZipFile(made) as file:
        yield {info.filename: info.file_size for info in file.infolist()}


@pytest.mark.parametrize("name", DATA)
def test_the_wheel_contains(wheel, name):
    assert wheel.get(name, 0) > 0 or (name.endswith("py.typed") and name in wheel)


def test_every_theme_is_inside(wheel):
    themes = {path.name for path in (ROOT / "themes").glob("*.toml")}
    assert themes
    assert {f"spectui/themes/{name}" for name in themes} <= wheel.keys()


def test_the_package_data_stays_small_and_tests_stay_out(wheel):
    assert sum(wheel.values()) < 60e6
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in wheel)


def test_the_script_takes_signals_and_streams_over_before_anything_else():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts == {"spectui": "spectui.__main__:main"}
