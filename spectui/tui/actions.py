"""Everything that a person can do, declared once: keys, palette, slash commands and help are made from these lines.

An action of a screen is a method ``action_NAME`` of it. To add one, write the method and a line here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from ..config.paths import config_file
from ..config.settings import VIEWS, load_settings
from ..engine.drafters.registry import MODES
from ..system.errors import UserError
from .attaching import paths
from .changing import NAMES, declared
from .mode_keys import MODE_KEYS
from .transcript.reading import FOLD_KEY

Complete = Callable[[str], Iterable[str]]
"""What has been typed of an argument -> what it may become."""

ASK, MODE, SET, READ, KEEP, LIST, RACE, PLAY, INSPECT, TOUR, PROGRAM = (
    "Ask",
    "Change how it decodes",
    "Change one setting",
    "Read the answer, step by step",
    "Keep and share",
    "In the list of conversations",
    "In a race",
    "In a replay",
    "In the inspector",
    "In the tour",
    "The program",
)
GROUPS = (ASK, MODE, SET, READ, KEEP, LIST, RACE, PLAY, INSPECT, TOUR, PROGRAM)
"""Tasks, in the order of the help."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person can do."""

    name: str
    """``PLACE.NAME``: whose action it is, and its name below ``[keys]`` in the settings file."""
    title: str
    """Two or three words for the row of keys and the palette."""
    help: str
    """One sentence."""
    group: str
    """The task that it belongs to."""
    call: str
    """Textual's words for it, as ``mode('ar')``; of the screen, or with ``app.`` of the app."""
    key: str = ""
    """Keys separated by commas; empty for none."""
    slash: str = ""
    """The slash command; further words after a blank are other names of it."""
    takes: str = ""
    """What has to stand behind the slash command, in brackets if it may be left out; empty for nothing."""
    complete: Complete | None = None
    """What may stand there."""
    shown: bool = False
    """Whether it is in the row of keys."""
    priority: bool = False
    """Whether its key works wherever the cursor is."""

    @property
    def place(self) -> str:
        """Whose action it is."""
        return self.name.partition(".")[0]

    @property
    def words(self) -> list[str]:
        """The names of its slash command."""
        return self.slash.split()

    def called(self, argument: str = "") -> str:
        """Textual's words for it with an argument; raises UserError if one is missing or too much."""
        if argument and not self.takes:
            raise UserError(f"/{self.words[0]} takes nothing behind it")
        if self.takes and not argument and not self.takes.startswith("["):
            choices = ", ".join(self.complete("")) if self.complete else ""
            raise UserError(f"/{self.words[0]} needs {self.takes}{f': {choices}' if choices else ''}")
        if not argument:
            return self.call
        name, _, fixed = self.call.partition("(")
        return f"{name}({', '.join(filter(None, [fixed.rstrip(')'), repr(argument)]))})"


def _among(*values: str) -> Callable[[str], list[str]]:
    return lambda begun: [value for value in values if value.startswith(begun)]


def named_servers(begun: str) -> list[str]:
    """Names of servers in the settings file that begin so."""
    try:
        return _among(*load_settings(config_file(), {}).servers)(begun)
    except UserError:
        return []


SHORT = {"temperature": "temp", "repetition_penalty": "penalty", "max_new_tokens": "length", "draft_tokens": "draft"}
"""Further names of slash commands for options."""


def _options() -> Iterator[Action]:
    """A slash command for every option that can be changed and has no action of its own."""
    for name in NAMES:
        if name != "view":
            one = declared(name)
            slash = f"{SHORT.get(name, '')} {name.replace('_', '-')}"
            takes = "TEXT" if name == "system" else "NAME" if name == "theme" else "VALUE"
            words = [str(value) for value in one.also if isinstance(value, str)]
            yield Action(f"set.{name}", one.label_of(name), one.help, SET, f"set('{name}')", "", slash, takes,
                         _among(*words) if words else None)  # fmt: skip


ACTIONS: tuple[Action, ...] = (
    Action("prompt.send", "Send", "Send what you typed.", ASK, "send", "enter"),
    Action("prompt.newline", "New line", "Begin a new line.", ASK, "newline", "ctrl+j,shift+enter"),
    Action(
        "chat.stop", "Stop", "Stop the answer and keep its text; else go from the prompt to the text, and back.", ASK,
        "stop", "escape", shown=True,
    ),
    Action("chat.rerun", "Rerun", "Answer the last question again.", ASK, "rerun", "ctrl+r", "rerun", shown=True),
    Action("chat.new", "New", "Begin a new conversation.", ASK, "new", "ctrl+n", "new", shown=True),
    Action("chat.attach", "Attach", "Attach a text file to the next question; so does @PATH in it.", ASK, "attach", "",
           "attach", "PATH", paths),
    Action("chat.detach", "Detach", "Take back what was attached.", ASK, "detach", "", "detach"),
    Action("chat.edit", "Edit", "Ask the question of the chosen answer, or the last, anew; the old one is kept.", ASK,
           "edit", "e", "edit"),
    Action("chat.reseed", "Rerun, next seed", "Answer the last question again with the next seed.", ASK, "reseed",
           "alt+r", "reseed"),
    Action("chat.fetch", "Get a real model", "Fetch a model, where only the demo pair is here.", ASK, "fetch", "alt+m",
           "fetch"),
    *(
        Action(
            f"mode.{name}", f"Mode: {mode.title}", f"{mode.title}: {mode.summary}.", MODE,
            f"mode('{name}')", MODE_KEYS.get(name, ""), priority=True,
        )
        for name, mode in MODES.items()
    ),
    Action("chat.mode", "Switch mode", "Switch to another mode.", MODE, "mode", "", "mode", "NAME", _among(*MODES)),
    Action("chat.models", "Model", "Choose another model or draft model; the conversation goes on.", MODE, "models",
           "ctrl+l", "model"),
    Action("chat.server", "Server", "Let a server answer; the conversation goes on.", MODE, "server", "", "server",
           "[NAME|URL]", named_servers),
    Action("chat.next_mode", "Mode", "Switch to the next mode that can run.", MODE, "next_mode", "ctrl+t",
           priority=True),
    Action("chat.longer", "Longer drafts", "Draft one token more.", MODE, "longer(1)", "plus"),
    Action("chat.shorter", "Shorter drafts", "Draft one token less; below 1 the length is automatic again.", MODE,
           "longer(-1)", "minus"),
    Action("chat.baseline", "Speed-up", "Measure the speed-up: the mode and plain decoding answer once more.", MODE,
           "baseline", "f9", "measure", shown=True),
    Action("chat.race", "Race", "Let all modes answer the last question side by side.", MODE, "race", "ctrl+g", "race",
           shown=True),
    Action("chat.view", "View", "Clean text, colours, or colours with all that was rejected.", READ, "view", "f7",
           "view", f"[{'|'.join(VIEWS)}]", _among(*VIEWS), shown=True, priority=True),
    Action("chat.view_letter", "View", "The next view.", READ, "view", "v"),
    Action("chat.settings", "Settings", "Change anything from the next step on.", MODE, "settings", "ctrl+e",
           "settings", priority=True),
    *_options(),
    Action("chat.slow", "Slow motion", "Play the last answer again in slow motion; once more for slower.", READ, "slow",
           "alt+s", "slow", priority=True),
    Action("chat.fold", "Fold thoughts", "Fold or unfold what the model thought first.", READ, "fold", FOLD_KEY, "fold",
           priority=True),
    Action("chat.side", "Steps", "Show or hide the step pane.", READ, "side", "ctrl+b", "steps", priority=True),
    Action("chat.answer_before", "Answer before", "The other answer before the chosen one.", READ, "other_answer(-1)",
           "left"),
    Action("chat.answer_after", "Answer after", "The other answer behind the chosen one.", READ, "other_answer(1)",
           "right"),
    Action("transcript.next_step", "Next step", "Choose the next step.", READ, "step(1)", "full_stop", shown=True),
    Action("transcript.previous_step", "Step back", "Choose the step before.", READ, "step(-1)", "comma", shown=True),
    Action("transcript.inspect", "Inspect", "Open the inspector on the chosen step, or on the last one.", READ,
           "screen.inspect", "enter", shown=True),
    Action("chat.inspect", "Inspect", "Open the inspector on the chosen step, or on the last one.", READ, "inspect", "",
           "inspect"),
    Action("transcript.pause", "Pause", "Hold the text still while the answer goes on.", READ, "pause", "space"),
    Action("transcript.up", "Up", "Scroll up.", READ, "scroll_by(-1)", "up,k"),
    Action("transcript.down", "Down", "Scroll down.", READ, "scroll_by(1)", "down,j"),
    Action("transcript.page_up", "Page up", "Scroll up a page.", READ, "page(-1)", "pageup"),
    Action("transcript.page_down", "Page down", "Scroll down a page.", READ, "page(1)", "pagedown"),
    Action("transcript.top", "Top", "Go to the beginning.", READ, "home", "home,g"),
    Action("transcript.end", "End", "Go to the end and follow it.", READ, "end", "end,G"),
    Action("transcript.copy", "Copy", "Copy what is selected, or the last answer.", KEEP, "copy", "y", shown=True),
    Action("chat.conversations", "Open", "List what was said: search, go on, rename, export, delete.", KEEP,
           "conversations", "ctrl+o", "open", shown=True),
    Action("chat.learn", "Learn", "Let answers be learnt, where the chat asks that.", KEEP, "learn(True)", "alt+y",
           priority=True),
    Action("chat.learn_not", "Do not learn", "Let no answer be learnt, where the chat asks that.", KEEP, "learn(False)",
           "alt+n", priority=True),
    Action("list.open", "Go on", "Go on with the marked conversation.", LIST, "select", "enter", shown=True),
    Action("list.rename", "Rename", "Give it another name.", LIST, "screen.rename", "r", shown=True),
    Action("list.export", "Export", "Write it as Markdown, HTML or a trace.", LIST, "screen.export", "e", shown=True),
    Action("list.delete", "Delete", "Delete it; it asks first.", LIST, "screen.delete", "d,delete", shown=True),
    Action("list.search", "Search", "Go from the list to the search.", LIST, "screen.search", "slash", shown=True),
    Action("lists.list", "List", "Go from the search to the list.", LIST, "to_list", "down"),
    Action("lists.new", "New", "Begin a new conversation.", LIST, "new", "ctrl+n", shown=True, priority=True),
    Action("lists.leave", "Back", "Go back to the chat.", LIST, "leave", "escape", shown=True),
    Action("chat.copy_code", "Copy code", "Copy the last block of code on show.", KEEP, "copy_code", "alt+c"),
    Action("transcript.copy_code", "Copy code", "Copy the block of code on show.", KEEP, "copy_code", "c"),
    Action("transcript.fold", "Fold thoughts", "Fold or unfold what the model thought first.", READ, "fold", "t"),
    Action("chat.export", "Export", "Write the conversation as Markdown, and its last answer as a page to hand out.",
           KEEP, "export", "ctrl+s", "export"),
    Action("chat.page", "Page", "Write the last answer as a page that plays in a browser.", KEEP, "page", "", "page"),
    Action("chat.picture", "Picture", "Write a picture of the screen.", KEEP, "app.picture", "f8", "picture"),
    Action("race.stop", "Stop, back", "Stop the race; with nothing to stop, go back to the chat.", RACE, "stop",
           "escape", shown=True),
    Action("race.again", "Again", "Race once more; the table shows the medians of all rounds.", RACE, "again", "ctrl+r",
           shown=True, priority=True),
    Action("race.replay", "Replay", "Replay the race; once more for slow motion.", RACE, "replay", "ctrl+l",
           shown=True, priority=True),
    Action("race.step", "Step through", "Replay step by step.", RACE, "step", "ctrl+b", shown=True, priority=True),
    Action("race.view", "View", "Clean text, colours, or all that was rejected, in all lanes.", RACE, "view", "f7",
           shown=True, priority=True),
    Action("race.fold", "Fold thoughts", "Fold or unfold what was thought first, in all lanes.", RACE, "fold", FOLD_KEY,
           priority=True),
    Action("race.export", "Export", "Write the race as a report, and as a page to hand out.", RACE, "export", "ctrl+s"),
    Action("race.picture", "Picture", "Write a picture of the screen.", RACE, "app.picture", "f8"),
    Action("replay.leave", "Back", "Leave the replay.", PLAY, "leave", "escape", shown=True, priority=True),
    Action("replay.play", "Play, pause", "Go on by itself, or stand still.", PLAY, "play", "space", shown=True,
           priority=True),
    Action("replay.step", "Step", "One step on.", PLAY, "step(1)", "full_stop,right,ctrl+b", shown=True, priority=True),
    Action("replay.back", "Step back", "One step back.", PLAY, "step(-1)", "comma,left", shown=True, priority=True),
    Action("replay.slow", "Slow motion", "A quarter of the speed, a twentieth, step by step, and as fast as it was.",
           PLAY, "slow", "s,alt+s,ctrl+l", shown=True, priority=True),
    Action("replay.faster", "Faster", "The next faster speed.", PLAY, "speed(1)", "plus", priority=True),
    Action("replay.slower", "Slower", "The next slower speed.", PLAY, "speed(-1)", "minus", priority=True),
    Action("replay.on", "On", "A tenth of the answer on.", PLAY, "jump(1)", "greater_than_sign", priority=True),
    Action("replay.rewind", "Back a tenth", "A tenth of the answer back.", PLAY, "jump(-1)", "less_than_sign",
           priority=True),
    Action("replay.begin", "Beginning", "To the beginning of the answer.", PLAY, "edge(-1)", "home", priority=True),
    Action("replay.end", "End", "To the end of the answer.", PLAY, "edge(1)", "end", priority=True),
    Action("replay.next", "Next answer", "To the next answer.", PLAY, "take(1)", "n", priority=True),
    Action("replay.previous", "Answer before", "To the answer before.", PLAY, "take(-1)", "p", priority=True),
    Action("replay.view", "View", "Clean text, colours, or all that was rejected.", PLAY, "view", "f7", shown=True,
           priority=True),
    Action("replay.fold", "Fold thoughts", "Fold or unfold what the model thought first.", PLAY, "fold", FOLD_KEY,
           priority=True),
    Action("replay.export", "Page", "Write the answer or the race as a page to hand out.", PLAY, "export", "ctrl+s",
           shown=True),
    Action("replay.inspect", "Inspect", "Open the inspector on the last step.", PLAY, "inspect", "enter", shown=True,
           priority=True),
    Action("replay.picture", "Picture", "Write a picture of the screen.", PLAY, "app.picture", "f8"),
    Action("inspect.leave", "Back", "Leave the inspector; an answer that was held goes on.", INSPECT, "leave",
           "escape", shown=True),
    Action("inspect.up", "Up", "The line above.", INSPECT, "walk('up')", "up,k"),
    Action("inspect.down", "Down", "The line below.", INSPECT, "walk('down')", "down,j"),
    Action("inspect.parent", "Before it", "The token before it.", INSPECT, "walk('left')", "left,h"),
    Action("inspect.child", "Behind it", "The first token behind it.", INSPECT, "walk('right')", "right,l"),
    Action("inspect.next", "Next step", "The next step; of a held answer one step more.", INSPECT, "step(1)",
           "full_stop", shown=True),
    Action("inspect.previous", "Step back", "The step before.", INSPECT, "step(-1)", "comma", shown=True),
    Action("inspect.hold", "Hold", "Hold the decoder between two steps, or let it go on.", INSPECT, "hold", "space",
           shown=True),
    Action("inspect.again", "Record", "Answer again, and record what the target wants at each place.", INSPECT,
           "again", "t", shown=True),
    Action("inspect.picture", "Picture", "Write a picture of the screen.", INSPECT, "app.picture", "f8"),
    Action("tour.watch", "Watch", "Let it be answered, and play the answer in slow motion.", TOUR, "watch", "enter",
           shown=True, priority=True),
    *(Action(f"tour.choose_{number}", f"Choice {number}", f"Answer the question with {number}.", TOUR,
             f"choose({number})", str(number)) for number in range(1, 7)),
    Action("tour.next", "Next lesson", "The next lesson.", TOUR, "lesson(1)", "n,right", shown=True),
    Action("tour.previous", "Lesson before", "The lesson before.", TOUR, "lesson(-1)", "p,left", shown=True),
    Action("tour.leave", "Leave", "Leave the tour.", TOUR, "leave", "escape", shown=True),
    Action("tour.picture", "Picture", "Write a picture of the screen.", TOUR, "app.picture", "f8"),
    Action("app.lecture", "Lecture mode", "Large digits and high contrast for a room; once more goes back.", PROGRAM,
           "app.lecture", "f12", "lecture", priority=True),
    Action("app.help", "Help", "Show what colours, keys and commands mean.", PROGRAM, "app.help", "f1", "help",
           shown=True),
    Action("app.quit", "Quit", "Leave the program.", PROGRAM, "app.quit", "ctrl+q", "quit exit", shown=True,
           priority=True),
)  # fmt: skip
"""Every action; those of one group in the order of the help, those of one place in the order of the row of keys."""


def bindings(*places: str) -> list[BindingType]:
    """The keys of the actions of some places."""
    return [
        Binding(
            one.key, one.call.removeprefix("app.") if one.place == "app" else one.call, one.title, one.shown,
            priority=one.priority, id=one.name, tooltip=one.help,
        )
        for one in ACTIONS
        if one.key and one.place in places
    ]  # fmt: skip
