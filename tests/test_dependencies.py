"""Every dependency is bounded by versions that the tests have passed on."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

pytestmark = pytest.mark.oldest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
NEEDED = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
EXTRAS = {
    name: [Requirement(line) for line in lines] for name, lines in PROJECT["project"]["optional-dependencies"].items()
}
BUILD = [Requirement(line) for line in PROJECT["build-system"]["requires"]]
EVERYTHING = [*NEEDED, *BUILD, *(requirement for lines in EXTRAS.values() for requirement in lines)]
NOT_HELD = {"torch", "ruff", "mypy"}
"""What .ci/oldest.txt leaves out, and says why."""


def bound(specifier, operator):
    """The version behind the one bound of a kind."""
    (found,) = [part.version for part in specifier if part.operator == operator]
    return Version(found)


@pytest.mark.parametrize("requirement", EVERYTHING, ids=str)
def test_every_dependency_has_a_lower_and_an_upper_bound(requirement):
    assert bound(requirement.specifier, ">=") < bound(requirement.specifier, "<")


def test_python_is_bounded_too_so_that_a_newer_one_is_refused_in_words():
    python = SpecifierSet(PROJECT["project"]["requires-python"])
    assert bound(python, ">=") < bound(python, "<")


@pytest.mark.parametrize("name", ["torch", "transformers", "textual"])
def test_what_changes_in_minor_versions_is_bounded_by_the_next_one(name):
    (specifier,) = [requirement.specifier for requirement in NEEDED if requirement.name == name]
    first, last = bound(specifier, ">="), bound(specifier, "<")
    assert len(last.release) == 2
    assert last.release[0] == first.release[0], "a major version that does not exist yet was never tested"
    assert last.release[1] > 0


@pytest.mark.parametrize("requirement", [*NEEDED, *EXTRAS["test"]], ids=str)
def test_what_is_installed_is_allowed(requirement):
    assert requirement.specifier.contains(version(requirement.name)), "pip install '.[test]' mends this"


def test_the_oldest_versions_that_are_tried_are_the_lower_bounds():
    lines = (ROOT / ".ci" / "oldest.txt").read_text("utf-8").splitlines()
    held = {line.split("==")[0]: Version(line.split("==")[1]) for line in lines if line and not line.startswith("#")}
    lowest = {
        requirement.name: bound(requirement.specifier, ">=")
        for requirement in [*NEEDED, *EXTRAS["test"]]
        if requirement.name not in NOT_HELD
    }
    assert held == lowest


def test_the_documents_name_the_bounds_of_torch():
    (torch,) = [requirement for requirement in NEEDED if requirement.name == "torch"]
    named = re.findall(r"torch([<>=][^'`]+)'", (ROOT / "README.md").read_text("utf-8"))
    assert named
    assert {SpecifierSet(bounds) for bounds in named} == {torch.specifier}
