"""What people said is for its owner alone, whatever the umask says; what is meant to be shared is not."""

import os
import stat
import subprocess
import sys

import pytest

from spectui.config.paths import datastores, exports, log_file, old_conversations, prompts_file
from spectui.session.session import Session
from spectui.system.files import close_to_others, open_private, private_folder
from spectui.tui.app import RacePlan, SpectuiApp

from ..demo import SETTINGS, shared
from ..program import spectui
from ..tui.helpers import real_session, running, say, wait_until


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    """The usual, the most open and the most closed."""
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


@pytest.fixture
def open_umask():
    old = os.umask(0)
    yield
    os.umask(old)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def check(home):
    """Hold every file and folder below a home to its mode; the names of the files."""
    found = list(home.rglob("*"))
    wrong = {str(path): oct(mode(path)) for path in found if mode(path) != (0o700 if path.is_dir() else 0o600)}
    assert not wrong
    return {str(path.relative_to(home)) for path in found if path.is_file()}


def test_new_files_and_folders(tmp_path, umask):
    private_folder(tmp_path / "a" / "b")
    with open_private(tmp_path / "a" / "b" / "c", "a", encoding="utf-8") as file:
        file.write("text")
    assert check(tmp_path) == {"a/b/c"}


def test_old_files_are_closed_when_they_are_opened(tmp_path, umask):
    folder, file = tmp_path / "old", tmp_path / "old" / "file"
    folder.mkdir()
    for how in ("r", "a", "w", "rb", "ab+"):
        file.write_text("text")
        file.chmod(0o644)
        folder.chmod(0o755)
        private_folder(folder)
        open_private(file, how).close()
        assert (mode(folder), mode(file)) == (0o700, 0o600)
    file.chmod(0o400)
    close_to_others(file)
    assert mode(file) == 0o400


def test_devices_and_what_is_missing_are_let_be(tmp_path):
    before = mode(tmp_path.joinpath("/dev/null"))
    open_private(tmp_path.joinpath("/dev/null"), "a").close()
    assert mode(tmp_path.joinpath("/dev/null")) == before
    close_to_others(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        open_private(tmp_path / "missing", "r")


async def test_a_chat_and_its_export(home, open_umask):
    settings = SETTINGS

    def learning(sink):
        return Session(settings.model, settings.options, None, sink, store=settings.store(), loader=shared)

    async with running(settings, learning) as (app, pilot):
        await say(pilot, "Hello!")
        await wait_until(pilot, lambda: app.chat.ledger.numbers.emitted > 0 and not app.session.busy)
        await wait_until(pilot, lambda: not app.chat.answering)
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: any(exports().glob("*.md")) and any(datastores().glob("*/manifest.json")))
    names = check(home)
    assert {name.split("/")[1] for name in names} >= {"conversations.db", "exports", "datastores", "prompts.jsonl"}


async def test_the_export_of_a_race(home, open_umask):
    settings = SETTINGS.with_flags("decoding", max_new_tokens=20)
    app = SpectuiApp(settings, real_session(settings), home / "race.jsonl", RacePlan(("ar", "draft"), "Hello!"))
    try:
        async with app.run_test(size=(120, 36)) as pilot:
            await wait_until(pilot, lambda: app.race.book.finished and not app.race.racing)
            await pilot.press("ctrl+s")
            await wait_until(pilot, lambda: any(exports().glob("race_*.json")))
    finally:
        app.close()
    assert "race.jsonl" in check(home)


def test_a_recorded_answer_is_private_and_the_folder_that_was_named_is_let_be(home, tmp_path, open_umask):
    given, old = tmp_path / "given", tmp_path / "given" / "old.jsonl"
    given.mkdir()
    old.write_text("")
    for name in ("new.jsonl", "old.jsonl"):
        assert spectui("run", "Hello!", "--max-new-tokens", "5", "--record", str(given / name)).returncode == 0
        assert mode(given / name) == 0o600
    assert mode(given) == 0o777
    check(home)


def test_a_report_that_was_asked_for_is_to_be_shared(home, tmp_path, open_umask):
    report = tmp_path / "report.json"
    options = ("--max-new-tokens", "5", "--modes", "ar,draft", "--rounds", "1")
    assert spectui("compare", "Hello!", *options, "--format", "json", "--output", str(report)).returncode == 0
    assert mode(report) == 0o666
    check(home)


def test_the_log_is_private_and_old_folders_are_closed(home, open_umask):
    for folder in (old_conversations(), log_file().parent):
        folder.mkdir(parents=True)
    log_file().write_text("old\n")
    code = "import sys, logging; sys.argv = ['spectui']\nimport spectui.cli.main, spectui.__main__ as program\n"
    code += "spectui.cli.main.main = lambda: logging.warning('new')\nprogram.main()"
    subprocess.run([sys.executable, "-c", code], check=True, umask=0)
    assert log_file().read_text("utf-8").count("\n") == 2
    assert check(home) == {"state/spectui.log"}
    assert prompts_file().parent == log_file().parent
