"""What a wheel built from this folder contains."""

import subprocess
import sys
import sysconfig
import tomllib
import venv
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


def test_the_package_is_inside_and_nothing_else(wheel):
    files = [path for path in (ROOT / "spectui").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    package = {path.relative_to(ROOT).as_posix() for path in files}
    themes = {f"spectui/themes/{path.name}" for path in (ROOT / "themes").glob("*.toml")}
    assert {name for name in wheel if ".dist-info/" not in name} == package | themes
    assert sum(wheel.values()) < 60e6


def test_the_script_takes_signals_and_streams_over_before_anything_else():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts == {"spectui": "spectui.__main__:main"}


def metadata(wheel_file):
    """The lines of the wheel's own description."""
    with zipfile.ZipFile(wheel_file) as file:
        (name,) = [one for one in file.namelist() if one.endswith(".dist-info/METADATA")]
        return file.read(name).decode().partition("\n\n")[0].splitlines()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The file of the wheel."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_without_extras_nothing_of_tests_or_peers_is_installed(built):
    lines = metadata(built)
    needed = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist")]
    plain = [line for line in needed if "extra ==" not in line]
    assert {line.partition(": ")[2] for line in lines if line.startswith("Provides-Extra")} == {
        "test",
        "llama-cpp",
        "docs",
        "web",
    }
    assert not any(word in " ".join(plain) for word in ("pytest", "llama", "zensical", "ruff"))
    assert any(line.startswith("textual") for line in plain)


def test_the_wheel_runs_where_only_it_is_installed(built, tmp_path):
    """As `uv tool install` and `pipx` do it: an environment of its own, a script on the path, no checkout around."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    script = home / "bin" / "spectui"
    packages = next(home.glob("lib/python*/site-packages"))
    (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")  # what it depends on
    with zipfile.ZipFile(built) as file:
        file.extractall(packages)
        (entry,) = [one for one in file.namelist() if one.endswith("entry_points.txt")]
        module, _, function = file.read(entry).decode().partition("spectui = ")[2].strip().partition(":")
    script.write_text(f"#!{home}/bin/python\nfrom {module} import {function}\n{function}()\n", "utf-8")
    script.chmod(0o755)
    environment = {"PATH": str(script.parent), "HOME": str(tmp_path), "SPECTUI_HOME": str(tmp_path / "data")}

    def run(*words):
        done = subprocess.run([script, *words], cwd=tmp_path, env=environment, capture_output=True, timeout=180)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    where = subprocess.run(
        [home / "bin" / "python", "-c", "import spectui; print(spectui.__file__)"],
        cwd=tmp_path, env=environment, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    assert str(packages) in where, "not the checkout"
    assert run("--version").startswith("spectui ")
    assert "smollm2-135m" in run("models")
    assert run("run", "What are you?", "--model", "demo").startswith("I am the spectui demo model")
