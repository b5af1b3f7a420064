import json
import re
import subprocess
import sys
from copy import deepcopy
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectui.engine.values.events import End, Switch, Turn
from spectui.engine.values.options import Options
from spectui.present.answer_line import answer_line
from spectui.present.frames import frame_of, markdown_frame, svg_frame, text_frame
from spectui.present.page import page_of
from spectui.present.reading import told
from spectui.record import replay as replay_module
from spectui.record.events import Compared, EndText, PrefillText, ServedText, StepText, SwitchText, Told, TurnText
from spectui.record.metrics import Meter
from spectui.record.recording import TraceFile
from spectui.record.replay import Player, Replay
from spectui.record.timeline import STEP
from spectui.record.trace import TraceWriter, to_json
from spectui.system.errors import UserError
from spectui.system.sanitise import sanitise

from ..hostile import FORBIDDEN, HOSTILE
from ..tui.played import DRAFTS, READY, answer

WORDS = st.lists(
    st.sampled_from([" a", " dragon", "\n", " 龍", ",", " e\u0301", " </script>"]), min_size=2, max_size=24
)
PACE = st.floats(0.1, 3.0)
KINDS = ("target", "accepted", "correction", "accepted", "bonus")
ASKED = TurnText("lab", Turn((), "server", Options()), "why?", ())
SERVED = [
    ASKED,
    *(ServedText("lab", i, 9.0 * i, f" word {i}", tokens=3 * i, ids=(i,), drafted=4 * i) for i in range(5)),
    Told("lab", 50.0, 13, 11, 16, 9, 4, "timings", ((4, 2), (4, 3)), KINDS),
    EndText("lab", End("eos")),
]
"""A server's answer."""


def dumped(record):
    """A record as a line."""
    return json.dumps(to_json(record), ensure_ascii=False)


@st.composite
def answers(draw, lane="chat", modes=tuple(DRAFTS)):
    """An answer in one mode, perhaps cut short, perhaps with a switch."""
    made = answer(draw(st.sampled_from(modes)), "".join(draw(WORDS)), "why?", lane, pace=draw(PACE))
    if draw(st.booleans()):
        made.insert(draw(st.integers(2, len(made) - 1)), SwitchText(lane, Switch("ar", 1)))
    if draw(st.booleans()):
        made = [*made[: draw(st.integers(2, len(made)))], EndText(lane, End("stopped"), "")]
    return made


@st.composite
def served(draw):
    """A server's answer: told as it comes, at the end, or not at all; perhaps cut short."""
    words, pace = draw(WORDS), draw(PACE)
    kinds = draw(st.sampled_from([(), [None], KINDS]))
    tokens, ids = draw(st.booleans()), draw(st.booleans())
    made = [ASKED]
    for i, word in enumerate(words):
        kind = kinds[i % len(kinds)] if kinds else None
        made.append(ServedText("lab", i, 10 + i * pace, word, kind, i + 1 if tokens else None, (i,) if ids else ()))
    if draw(st.booleans()):
        late = tuple(KINDS[i % 5] for i in range(len(words))) if draw(st.booleans()) else ()
        made.append(Told("lab", 12 + len(words) * pace, len(words), 11, 9, 4, kinds=late))
    return [*made, EndText("lab", End("eos" if isinstance(made[-1], Told) else "stopped"))]


@st.composite
def runs(draw):
    """What a file may hold: a conversation with measurements, and races."""
    made = [READY]
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            made += draw(answers())
        lanes = draw(st.lists(st.sampled_from(["ar", "draft", "sssd"]), unique=True, max_size=3))
        both = [draw(answers(lane, (lane,))) for lane in lanes]
        both += [draw(served())] if draw(st.booleans()) else []
        made += [one[0] for one in both]
        rest = [one[1:] for one in both]
        while any(rest):
            made.append(draw(st.sampled_from([one for one in rest if one])).pop(0))
        made += [Compared(lane) for lane in lanes[1:]]
    return made if len(made) > 1 else [*made, *draw(answers())]


def seen(records):
    """Transcript with marks, per lane, in words."""
    lanes = {}
    for record in records:
        lane = lanes.setdefault(getattr(record, "lane", None), [])
        match record:
            case StepText():
                lane.append(told(record))
            case PrefillText(text=text):
                lane.append([("target", text)])
            case ServedText(text=text, kind=kind):
                lane.append([(kind, text)])
            case Told():
                lane.append(record)
            case EndText(end=end, tail=tail):
                lane.append((end.reason, tail))
    return lanes


def standing(replay):
    """All that a screen shows of a replay: transcripts, marks, numbers, last steps."""
    numbers = {
        lane: (state.meter.numbers, list(state.meter.tokens), deepcopy(state.meter.spread), answer_line(state.meter),
               state.mode, state.step, state.end, state.compared, state.piece, state.told, list(state.meter.words),
               state.steps, state.clock)
        for lane, state in replay.lanes.items()
    }  # fmt: skip
    return seen(replay.shown()), numbers, replay.place, replay.number


def written(path, records):
    writer = TraceWriter(path)
    for record in records:
        writer.write(record)
    writer.close()
    return path


@pytest.fixture(autouse=True)
def keyframes_often(monkeypatch):
    monkeypatch.setattr(replay_module, "KEYFRAME", 7)


@settings(max_examples=60, deadline=None)
@given(records=runs(), data=st.data())
def test_a_replay_of_a_file_shows_what_was_there_forwards_backwards_and_anywhere(tmp_path_factory, records, data):
    replay = Replay(TraceFile(written(tmp_path_factory.mktemp("t") / "t.jsonl", records)))
    live = Replay(records)
    by_place = {0: standing(live)}
    handed = []
    while not live.done:
        handed += live.step()
        by_place[live.place] = standing(live)
    assert sorted(map(id, handed)) == sorted(map(id, records)), "each record once"
    for take in live.takes:  # the numbers are those of the records alone
        live.go_to(take.end)
        for lane, state in live.lanes.items():
            meter = Meter()
            mine = [r for r in live.shown() if getattr(r, "lane", None) == lane]
            for record in mine:
                meter.feed(record)
            assert (meter.numbers, meter.tokens) == (state.meter.numbers, state.meter.tokens)
            assert meter.words == state.meter.words

    assert standing(replay) == by_place[0]
    while not replay.done:
        replay.step()
        assert standing(replay) == by_place[replay.place]
    while replay.place:
        before = replay.place
        replay.back()
        assert replay.place < before
        if replay.place in by_place:
            assert standing(replay) == by_place[replay.place]
    for place in data.draw(st.lists(st.sampled_from(list(by_place)), max_size=6)):
        replay.go_to(place)
        assert standing(replay) == by_place[place]
        assert replay.clock == pytest.approx(live.timeline.times[place - 1] if place else 0.0)


@settings(max_examples=30, deadline=None)
@given(runs(), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6))
def test_a_moment_is_the_same_however_it_is_reached(records, parts):
    straight, jumping = Replay(records), Replay(records)
    for part in parts:
        moment = part * jumping.length
        jumping.seek(moment)
        fresh = Replay(records)
        fresh.until(moment) if moment else None
        assert standing(jumping) == standing(fresh)
    for moment in sorted(parts):
        straight.until(moment * straight.length)
    assert straight.clock == pytest.approx(max(parts) * straight.length)


@settings(max_examples=30, deadline=None)
@given(runs())
def test_a_step_back_after_a_step_inside_an_answer_is_where_it_was(records):
    replay = Replay(records)
    while not replay.done:
        replay.step()
        place, number, steps = replay.place, replay.number, replay.steps
        replay.step()
        if replay.number == number and replay.steps > steps:
            replay.back()
            assert (replay.place, replay.number) == (place, number)
            replay.step()


@given(runs())
@settings(max_examples=30, deadline=None)
def test_time_never_runs_backwards_and_lanes_of_a_race_are_together(records):
    replay = Replay(records)
    assert all(a <= b for a, b in pairwise(replay.timeline.times))
    assert sum(take.steps for take in replay.takes) == sum(isinstance(r, StepText | ServedText) for r in records)
    for take in replay.takes:
        assert "chat" not in take.lanes or take.lanes == ("chat",)


def test_a_very_long_answer_shows_its_end_and_counts_all_of_it(monkeypatch):
    monkeypatch.setattr(replay_module, "WINDOW", 10)
    replay = Replay([READY, *answer("draft", " word" * 200, "why?")])
    replay.seek(replay.length)
    assert len(replay.shown()) == 11
    assert replay.left_out == replay.steps - replay.timeline.kinds[-10:].count(STEP)
    assert replay.lanes["chat"].meter.numbers.emitted == 200


def test_a_servers_answer_is_played_piece_by_piece_and_coloured_when_its_end_tells(tmp_path):
    replay = Replay(TraceFile(written(tmp_path / "t.jsonl", [READY, *SERVED])))
    assert (replay.takes[0].lanes, replay.takes[0].steps, replay.takes[0].length_ms) == (("lab",), 5, 50.0)
    replay.step()
    replay.step()
    (lane,) = frame_of(replay).lanes
    assert lane.tokens == (("target", " word 0"), ("target", " word 1"))
    assert (replay.steps, replay.lanes["lab"].clock, lane.step) == (2, 9.0, "")
    assert [type(one) for one in Replay(SERVED).until(36.0)] == [TurnText, *[ServedText] * 5]
    while not replay.done:
        replay.step()
    (lane,) = frame_of(replay).lanes
    assert [kind for kind, _ in lane.tokens] == list(KINDS)
    assert "accepted 9 of them (told in timings)" in lane.step
    assert "7 drafted in vain (never sent)" in lane.numbers.replace("\xa0", " ")
    for write in (text_frame, markdown_frame, svg_frame):
        assert "word 4" in write(frame_of(replay)).replace("\xa0", " ")
    assert "all that the server told" in page_of(replay, 0)
    replay.back()
    assert (replay.steps, replay.lanes["lab"].told) == (4, None)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('"by_step":[[4,2]', '"by_step":[[9007199254740992,2]'),
        ('"drafted":16', '"drafted":-1'),
        ('"kinds":["target"', '"kinds":["magic"'),
        ('"ids":[1]', '"ids":["x"]'),
        ('"tokens":3', '"tokens":1e999'),
    ],
)
def test_what_no_server_can_have_said_is_refused(tmp_path, was, becomes):
    path = written(tmp_path / "t.jsonl", [READY, *SERVED])
    assert was in path.read_text()
    path.write_text(path.read_text().replace(was, becomes))
    replay = Replay(TraceFile(path))
    with pytest.raises(UserError, match="not a trace line"):
        replay.until(replay.length)


def lines(path, count):
    """A trace with so many steps of one answer, in little time."""
    written(path, [READY, *answer("draft", " word" * 12, "why?")[:-1]])
    *head, step = path.read_text().splitlines()
    made = json.loads(step)
    rest = (json.dumps(made | {"index": i, "time_ms": 100.0 + i}, separators=(",", ":")) for i in range(count))
    path.write_text("\n".join([*head, *rest, ""]))
    return path


def test_a_huge_trace_opens_without_reading_its_steps(tmp_path, monkeypatch):
    path = lines(tmp_path / "t.jsonl", 100_000)
    read = []
    monkeypatch.setattr("spectui.record.recording._json", lambda line: read.append(line) or json.loads(line))
    file = TraceFile(path)
    replay = Replay(file)
    assert len(read) == 1, "the header"
    assert replay.takes[0].steps > 100_000
    replay.until(50.0)
    replay.back()
    assert len(read) < 50


def test_a_player_takes_in_no_more_than_a_screen_can_show(tmp_path):
    path = lines(tmp_path / "t.jsonl", 3000)
    path.write_text(re.sub(r'"time_ms":[0-9.]+', '"time_ms":1.0', path.read_text()))
    player = Player(Replay(TraceFile(path)), 10.0)
    player.playing = True
    counts = []
    while player.playing:
        counts.append(len(player.pass_time(1.0)))
    assert max(counts) == 400
    assert player.replay.done


def test_a_trace_from_standard_output_is_read_as_fast(tmp_path, monkeypatch):
    path = written(tmp_path / "t.jsonl", [READY, *answer("draft", " word" * 12, "why?")])
    spaced = tmp_path / "spaced.jsonl"
    spaced.write_text("".join(json.dumps(json.loads(line)) + "\n" for line in path.read_text().splitlines()))
    read = []
    monkeypatch.setattr("spectui.record.recording._json", lambda line: read.append(line) or json.loads(line))
    assert list(TraceFile(spaced).marks()) == list(TraceFile(path).marks())
    assert len(read) == 2, "the headers alone"


def test_replaying_loads_no_model(tmp_path):
    path = written(tmp_path / "t.jsonl", [READY, *answer("draft", " word" * 12, "why?")])
    code = (
        "import sys; sys.argv = ['spectui', 'replay', sys.argv[1], '--format', 'text']\n"
        "from spectui.cli.main import main\ntry: main()\n"
        "except SystemExit as leave: print(leave.code, sorted(set(sys.modules) & "
        "{'torch', 'transformers', 'tokenizers', 'numpy', 'textual'}))"
    )
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert out.stdout.splitlines()[-1] == "0 []", out.stderr


GOOD = '{"type":"turn","lane":"chat","mode":"ar","seed":0,"settings":{},"prompt":[1],"texts":["a"],"question":"q"}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no answer"),
        ("\n\n", "holds no answer"),
        ("hello\n", "line 1: not a trace line"),
        ("[1]\n", "line 1: not a trace line (not an object)"),
        ('{"type":"header","format":"spectui.trace/2"}\n', "this is spectui.trace/2; this version reads "),
        ('{"type":"header"}\n', "format is missing"),
        ('{"format":"spectui.bench/1"}\n', "type is missing"),
        (GOOD + '\n{"type":"step","lane":"chat","time_ms":NaN}\n', "line 2: not a trace line"),
        (GOOD + '\n{"type":"step","lane":"chat","time_ms":1e999}\n', "line 2: not a trace line"),
        (GOOD + '\n{"type":"step","lane":"chat"}\n', "line 2: not a trace line (time_ms is missing)"),
        ("[" * 100_000 + "\n", "line 1: not a trace line"),
        ('{"type":"turn","lane":"\\u001b[2J' + "x" * 200_000 + '"}\n' + "{\n", "line 2"),
        ("".join(GOOD.replace("chat", f"l{i}") + "\n" for i in range(70)), "more than 64 lanes"),
    ],
)  # fmt: skip
def test_what_is_no_trace_is_refused_in_one_line(tmp_path, text, reason):
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(UserError) as caught:
        TraceFile(tmp_path / "t.jsonl")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "escaped"])
@pytest.mark.parametrize("text", [text for text in HOSTILE if "\ud800" not in text])
def test_text_of_a_file_is_harmless_however_it_is_written(tmp_path, text, raw):
    path = written(tmp_path / "t.jsonl", [READY, *answer("draft", " word" * 12, "why?")])
    word = json.dumps(text, ensure_ascii=not raw)
    path.write_text(path.read_text().replace('" word"', word).replace('"why?"', word).replace('"demo target"', word))
    replay = Replay(TraceFile(path))
    replay.until(replay.length)
    steps = [record for record in replay.shown() if isinstance(record, StepText)]
    texts = [replay.question(0), replay.models.model, *(one for step in steps for one in (*step.nodes, *step.emitted))]
    assert not FORBIDDEN & set("".join(texts))
    assert replay.question(0) == sanitise(text)


def test_a_damaged_line_is_told_when_it_is_to_be_shown(tmp_path):
    path = written(tmp_path / "t.jsonl", [READY, *answer("draft", " word" * 12, "why?")])
    path.write_text(path.read_text().replace('"fate":"rejected"', '"fate":"lost"', 1))
    replay = Replay(TraceFile(path))
    with pytest.raises(UserError, match=r"t\.jsonl, line \d+: not a trace line \(nodes"):
        replay.until(replay.length)


def test_a_trace_that_was_cut_off_ends_before_its_last_line(tmp_path):
    path = written(tmp_path / "t.jsonl", [READY, *answer("draft", " word" * 12, "why?")])
    whole = Replay(TraceFile(path))
    path.write_bytes(path.read_bytes()[:-1500])
    cut = Replay(TraceFile(path))
    cut.until(cut.length)
    assert 0 < cut.steps < whole.takes[0].steps


PUT = (b"null", b"-1", b"1e999", b"{", b"\n", b"\x1b[2J", b'"', b"\xff")
GOOD_FILE = "".join(
    dumped(record) + "\n" for record in [READY, *answer("specbranch", " word" * 9 + "\n龍", "why?"), *SERVED]
).encode()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_file_that_was_changed_anywhere_is_refused_in_one_line_or_played(tmp_path_factory, data):
    made = bytearray(GOOD_FILE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(made) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "put", "digit", "line"])):
            case "flip":
                made[at] = data.draw(st.integers(0, 255))
            case "cut":
                del made[at:]
            case "drop":
                del made[at : at + data.draw(st.integers(1, 40))]
            case "put":
                made[at:at] = data.draw(
                    st.sampled_from([b"null", b"-1", b"1e999", b"{", b"\n", b"\x1b[2J", b'"', b"\xff"])
                )
            case "digit":
                made[at:at] = b"9" * data.draw(st.sampled_from([1, 30, 5000]))
            case "line":
                rows = made.split(b"\n")
                rows.insert(data.draw(st.integers(0, len(rows))), rows[data.draw(st.integers(0, len(rows) - 1))])
                made = bytearray(b"\n".join(rows))
        if not made:
            break
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    path.write_bytes(made)
    try:
        replay = Replay(TraceFile(path))
        replay.until(replay.length)
        for number in range(len(replay.takes)):
            page_of(replay, number)
            replay.go_to(replay.takes[number].end)
            for write in (text_frame, markdown_frame, svg_frame):
                write(frame_of(replay))
        while replay.place:
            replay.back()
    except UserError as error:
        said = str(error)
    else:
        said = ""
    assert not (FORBIDDEN | {"\n"}) & set(said)


def test_folders_devices_and_endless_lines_are_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="cannot read"):
        TraceFile(tmp_path)
    with pytest.raises(UserError, match="cannot read"):
        TraceFile(tmp_path / "none")
    with pytest.raises(UserError, match="is not a file"):
        TraceFile(type(tmp_path)("/dev/zero"))
    monkeypatch.setattr("spectui.record.recording.LONGEST_LINE", 1000)
    (tmp_path / "t.jsonl").write_text("x" * 5000)
    with pytest.raises(UserError, match="longer than"):
        TraceFile(tmp_path / "t.jsonl")
    monkeypatch.setattr("spectui.record.recording.MOST_LINES", 3)
    (tmp_path / "t.jsonl").write_text((GOOD + "\n") * 9)
    with pytest.raises(UserError, match="more than 3 lines"):
        TraceFile(tmp_path / "t.jsonl")


def test_few_records_are_kept_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("spectui.record.recording.KEPT_BYTES", 4000)
    file = TraceFile(written(tmp_path / "t.jsonl", [READY, *answer("draft", " word" * 200, "why?")]))
    Replay(file).until(1e9)
    assert len(file._kept) < 10
