"""Chat and race with servers, driven by keys."""

from dataclasses import replace
from threading import Event

from spectui.config.choice import ServerChoice
from spectui.present.glossary import unknown_words
from spectui.record.replay import Replay
from spectui.session.served_session import served_session
from spectui.tui.app import RacePlan, SpectuiApp
from spectui.tui.replay_app import ReplayApp
from spectui.tui.screens.picker import ModelPicker
from spectui.tui.screens.replay import ReplayScreen
from spectui.tui.widgets.mode_bar import Pill

from ..demo import SETTINGS
from ..record.test_replay import KINDS, SERVED
from ..servers.fake import event, llama_server, said, serving, timed
from .helpers import remember_notices, running, say, wait_until
from .played import READY, STORY_TOLD, answer
from .test_chat_real import screen_text


def make(*fakes):
    choices = [ServerChoice(url=fake.url, name=f"lab{n}") for n, fake in enumerate(fakes)]
    return lambda sink: served_session(choices, SETTINGS.options, sink)


def looks(app):
    """(text, look) of the pieces of the answer."""
    return pieces(app.chat)


def pieces(screen):
    """The same on a screen."""
    return [
        (piece.source, piece.look)
        for paragraph in screen.transcript.document.paragraphs
        if paragraph.kind == "answer"
        for piece in paragraph.pieces
    ]


async def over(app, pilot):
    await wait_until(pilot, lambda: app.chat.ledger.answered and not app.session.busy and not app.chat.answering)


async def test_pieces_are_coloured_as_they_come():
    with serving() as fake:
        llama_server(fake)
        async with running(make=make(fake)) as (app, pilot):
            assert any("no server sends" in told for told in app.told)
            await say(pilot, "Count")
            await over(app, pilot)
            assert looks(app)[:4] == [("One", "target"), (" two", "accepted"), (" three", "accepted"),
                                      (" four", "correction")]  # fmt: skip
            await wait_until(pilot, lambda: "4/5" in screen_text(app))
            text = screen_text(app)
            assert "accepted 4 of them (told in" in " ".join(text.split())
            assert "1 drafted in vain (never sent)" in " ".join(text.split())
            await say(pilot, "And on")
            await over(app, pilot)
            sent = [one["content"] for one in fake.asked[-1][2]["messages"]]
            assert sent == ["Count", "One two three four five six seven", "And on"]


async def test_pieces_are_coloured_afterwards_where_only_the_end_tells():
    with serving() as fake:
        fake.models([("toy", "vllm")])
        fake.recorded("vllm.sse")
        async with running(make=make(fake)) as (app, pilot):
            await say(pilot, "Where?")
            await over(app, pilot)
            assert "press f9" not in screen_text(app), "a server is not measured against itself"
            assert "draft length" not in screen_text(app), "it is the server's affair"
            kinds = ["target", "accepted", "correction", "accepted", "correction"]
            assert [look for _, look in looks(app)] == kinds
            assert "told at the end" in " ".join(screen_text(app).split())


async def test_stop_closes_the_request_and_keeps_the_text():
    with serving() as fake:
        over_now = Event()
        ping = [lambda: over_now.wait(0.02), b": ping\n\n"] * 2000
        fake.stream(event({"choices": [{"delta": {"content": "so far"}}]}), *ping)
        async with running(make=make(fake)) as (app, pilot):
            await say(pilot, "Go on for ever")
            await wait_until(pilot, lambda: looks(app) == [("so far", "target")])
            await pilot.press("escape")
            await over(app, pilot)
            assert fake.gone.wait(10)
            assert looks(app) == [("so far", "target")]
            assert "stopped" in screen_text(app)
            fake.stream(said("again"))
            await say(pilot, "And now?")
            await wait_until(pilot, lambda: ("again", "target") in looks(app))
        over_now.set()


async def test_a_failure_stands_below_the_text_so_far():
    with serving() as fake:
        fake.stream(event({"choices": [{"delta": {"content": "so far"}}]}), event({"error": "out of memory"}))
        async with running(make=make(fake)) as (app, pilot):
            await say(pilot, "Go")
            await wait_until(pilot, lambda: "failed in mid-answer: out of memory" in " ".join(screen_text(app).split()))
            assert looks(app) == [("so far", "target")]
            await pilot.press("ctrl+r")
            assert any("up brings it back" in told for told in app.told)
            fake.stream(said("Here it is"))
            await pilot.press("up", "enter")
            await wait_until(pilot, lambda: ("Here it is", "target") in looks(app))
            assert [one["content"] for one in fake.asked[-1][2]["messages"]] == ["Go"]


async def test_no_server_there_is_one_line():
    choices = [ServerChoice(url="http://127.0.0.1:9")]
    nobody = lambda sink: served_session(choices, SETTINGS.options, sink)  # noqa: E731
    async with running(make=nobody, ready=False) as (app, pilot):
        await wait_until(pilot, lambda: "nothing answers at http://127.0.0.1:9" in " ".join(screen_text(app).split()))
        assert app.chat.failed


async def test_an_answer_is_played_again_piece_by_piece_and_has_no_steps_to_inspect():
    with serving() as fake:
        fake.models([("toy", "vllm")])
        fake.recorded("vllm.sse")
        async with running(make=make(fake)) as (app, pilot):
            await say(pilot, "Where?")
            await over(app, pilot)
            told = looks(app)
            app.chat.action_inspect()
            assert any("sends no steps" in one for one in app.told)
            app.chat.action_slow()
            await wait_until(pilot, lambda: isinstance(app.screen, ReplayScreen) and app.screen._take == 0)
            screen = app.screen
            await wait_until(pilot, lambda: screen.replay.done and not screen.player.playing)
            await pilot.press("home", "full_stop", "full_stop")
            assert "step 2 of 5" in str(screen.head.content)
            assert pieces(screen) == [(text, "target") for text, _ in told[:2]], "nobody knew it then"
            await pilot.press("end")
            await wait_until(pilot, lambda: pieces(screen) == told)
            assert "told at the end" in str(screen.step_pane.content)
            await pilot.press("comma", "enter")
            assert not screen.replay.lanes["chat"].told
            assert app.screen is screen
            assert unknown_words(str(screen.head.content).replace("Where?", "")) == []


async def test_a_race_of_a_mode_and_a_server_is_played_side_by_side():
    records = [READY, *answer("draft", STORY_TOLD, "why?", "draft"), *SERVED]
    app = ReplayApp(SETTINGS, Replay(records), 1.0)
    async with app.run_test(size=(140, 36)) as pilot:
        await wait_until(pilot, lambda: len(app.replay_screen.panes) == 2)
        await pilot.press("end")
        await wait_until(pilot, lambda: app.replay_screen.replay.done)
        server = app.replay_screen.panes["lab"]
        looks_there = [piece.look for one in server.transcript.document.paragraphs for piece in one.pieces]
        assert set(KINDS) <= set(looks_there)
        assert "9/16" in " ".join(part.text for part in server._numbers._parts)


async def test_keys_that_mean_modes_say_why_not():
    with serving() as fake:
        fake.stream(said("x"))
        async with running(make=make(fake)) as (app, pilot):
            await pilot.press("f3", "ctrl+t")
            assert any("the server decides how it drafts" in told for told in app.told)
            await say(pilot, "Hi")
            await over(app, pilot)
            await pilot.press("f9")
            await wait_until(pilot, lambda: any("measure" in told for told in app.told))


async def test_what_a_server_cannot_do_is_not_offered():
    with serving() as fake:
        llama_server(fake)
        async with running(make=make(fake)) as (app, pilot):
            assert "rejected" not in screen_text(app).replace("rejected tokens", ""), "no server sends them"
            assert "press f9" not in screen_text(app)
            assert "A server sends no steps" in " ".join(screen_text(app).split())
            await say(pilot, "Count")
            await over(app, pilot)
            text = " ".join(screen_text(app).split())
            assert "accepted correction bonus" in text
            assert "unreached" not in text
            assert "learn" not in text.lower(), "nothing is learnt from a server's answers"
            await pilot.press("f9", "ctrl+g")
            assert any("cannot be measured against itself" in told for told in app.told)
            assert any("one server alone is no race" in told for told in app.told)
            assert app.screen is app.chat


async def test_the_step_pane_says_what_was_counted_until_a_stop():
    with serving() as fake:
        over_now = Event()
        ping = [lambda: over_now.wait(0.02), b": ping\n\n"] * 2000
        llama_server(fake)
        fake.stream(timed("One", 1, 0, 0), timed(" two", 2, 3, 1), *ping)
        async with running(make=make(fake)) as (app, pilot):
            await say(pilot, "Count")
            await wait_until(pilot, lambda: (" two", "accepted") in looks(app))
            await pilot.press("escape")
            await over(app, pilot)
            words = "came to no end. The server drafted 3 tokens and accepted 1 of them until then"
            assert words in " ".join(str(app.chat.step_pane.content).split())
            app.chat.action_side()
            app.chat.action_side()
            assert words in " ".join(str(app.chat.step_pane.content).split()), "it is there when the pane comes back"
        over_now.set()


async def test_a_server_without_a_name_stands_among_the_models_once_it_has_answered():
    with serving() as fake:
        fake.stream(said("Hello"))
        bare = lambda sink: served_session([ServerChoice(url=fake.url)], SETTINGS.options, sink)  # noqa: E731
        async with running(make=bare) as (app, pilot):
            name = fake.url.removeprefix("http://")
            for _ in range(2):  # with the server, then with the demo pair
                await pilot.press("ctrl+l")
                await wait_until(pilot, lambda: isinstance(app.screen, ModelPicker))
                (row,) = [str(one.prompt) for one in app.screen.models.options if one.id == f"server={name}"]
                assert row.strip() == f"{name} server at {fake.url}"
                app.screen.filter.value = "demo"
                await pilot.pause()
                await pilot.press("enter")
                await wait_until(pilot, lambda: len(pills(app)) > 1)


def named(fake):
    return replace(SETTINGS, servers={"lab": ServerChoice(url=fake.url, name="lab")})


def pills(app):
    return [pill.mode.title for pill in app.chat.mode_bar.query(Pill)]


async def test_a_word_goes_over_to_a_server_and_a_model_comes_back():
    with serving() as fake:
        llama_server(fake)
        async with running(named(fake)) as (app, pilot):
            modes = pills(app)
            await say(pilot, "/server lab")
            await wait_until(pilot, lambda: pills(app) == ["Server lab"])
            assert "toy.gguf" in screen_text(app)
            await say(pilot, "Count")
            await over(app, pilot)
            assert (" two", "accepted") in looks(app)
            await pilot.press("ctrl+l")
            await wait_until(pilot, lambda: isinstance(app.screen, ModelPicker))
            assert app.screen.models.highlighted == app.screen.models.option_count - 1, "the server"
            assert "draft model" in screen_text(app)
            app.screen.filter.value = "demo"
            await pilot.pause()
            await pilot.press("enter")
            await wait_until(pilot, lambda: pills(app) == modes)
            text = " ".join(screen_text(app).split())
            assert "from here on: demo" in text
            await say(pilot, "And on")
            await wait_until(pilot, lambda: app.chat.ledger.steps and not app.chat.busy)


async def test_servers_stand_among_the_models():
    with serving() as fake:
        fake.stream(said("Hello"))
        async with running(named(fake)) as (app, pilot):
            await say(pilot, "/server")
            await wait_until(pilot, lambda: isinstance(app.screen, ModelPicker))
            screen = app.screen
            await wait_until(pilot, lambda: [one.id for one in screen.models.options] == ["server=lab"])
            await wait_until(pilot, lambda: "its key, if it wants one, is in" in str(screen.details.render()))
            screen.filter.value = fake.url
            await pilot.pause()
            assert [one.id for one in screen.models.options] == ["server=lab", f"={fake.url}"]
            await pilot.press("down", "enter")
            name = fake.url.removeprefix("http://")
            await wait_until(pilot, lambda: pills(app) == [f"Server {name}"])


async def test_a_server_that_nobody_knows_leaves_the_model():
    async with running() as (app, pilot):
        await say(pilot, "/server lab")
        await wait_until(pilot, lambda: any("no server has a name yet" in one for one in app.told))
        await say(pilot, "/server http://127.0.0.1:9")
        await wait_until(pilot, lambda: any("; demo stays" in one for one in app.told))
        await wait_until(pilot, lambda: app.chat.ready is not None)
        assert len(pills(app)) > 1


async def test_two_servers_race_on_the_screen():
    with serving() as drafts, serving() as plain:
        llama_server(drafts)
        plain.stream(said("One", " two", usage={"completion_tokens": 2}))
        app = SpectuiApp(SETTINGS, make(drafts, plain), None, RacePlan((), "Count"))
        remember_notices(app)
        try:
            async with app.run_test(size=(140, 36)) as pilot:
                await wait_until(pilot, lambda: app.race is not None and app.race.book.finished)
                await wait_until(pilot, lambda: "accepted" in screen_text(app) and not app.race.racing)
                text = screen_text(app)
                assert set(app.race.panes) == {"lab0", "lab1"}
                assert "One two three four five six seven" in text
                assert "lab0: 1 of 5 drafted tokens were not accepted" in text
        finally:
            app.close()
