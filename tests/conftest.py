"""Keeps the machine that runs the tests out of them."""

import os

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine makes no test fail
settings.load_profile("untimed")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if "PYTEST_XDIST_WORKER" in os.environ:  # each of the processes that share the cores takes one
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("NO_COLOR", None)
for _name in [name for name in os.environ if name.startswith("SPECTUI_")]:
    del os.environ[_name]


def pytest_addoption(parser):
    parser.addoption("--renew-goldens", action="store_true", help="write the pictures of all screens anew")


@pytest.fixture(autouse=True, scope="session")
def common_home(tmp_path_factory):
    """The home of what several tests share; measured times are kept there for all of them."""
    folder = tmp_path_factory.mktemp("common")
    (folder / "cache").mkdir(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECTUI_HOME", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch, common_home):
    """Every test has a home of its own, and programs in it take the demo pair unless a test names another model."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "cache").symlink_to(common_home / "cache")
    monkeypatch.setenv("SPECTUI_HOME", str(folder))
    monkeypatch.setenv("SPECTUI_MODEL__MODEL", "demo")  # a real model that is installed takes too long for most tests
    return folder
