"""Everything that a person can do, declared once: keys, palette, slash commands and help are made from these lines.

An action of a screen is a method ``action_NAME`` of it. To add one, write the method and a line here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from ..config.settings import VIEWS
from ..engine.drafters.registry import MODES
from ..system.errors import UserError
from .attaching import paths
from .changing import NAMES, declared
from .mode_keys import MODE_KEYS

Complete = Callable[[str], Iterable[str]]
"""What has been typed of an argument -> what it may become."""

ASK, MODE, SET, READ, KEEP, LIST, RACE, PROGRAM = (
    "Ask",
    "Change how it decodes",
    "Change one setting",
    "Read the answer, step by step",
    "Keep and share",
    "In the list of conversations",
    "In a race",
    "The program",
)
GROUPS = (ASK, MODE, SET, READ, KEEP, LIST, RACE, PROGRAM)
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


def _among(*values: str) -> Complete:
    return lambda begun: [value for value in values if value.startswith(begun)]


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
    Action("chat.side", "Steps", "Show or hide the step pane.", READ, "side", "ctrl+b", "steps", priority=True),
    Action("chat.answer_before", "Answer before", "The other answer before the chosen one.", READ, "other_answer(-1)",
           "left"),
    Action("chat.answer_after", "Answer after", "The other answer behind the chosen one.", READ, "other_answer(1)",
           "right"),
    Action("transcript.next_step", "Next step", "Choose the next step.", READ, "step(1)", "full_stop", shown=True),
    Action("transcript.previous_step", "Step back", "Choose the step before.", READ, "step(-1)", "comma", shown=True),
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
    Action("chat.export", "Export", "Write the conversation as Markdown.", KEEP, "export", "ctrl+s", "export"),
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
    Action("race.export", "Export", "Write the race as a report.", RACE, "export", "ctrl+s"),
    Action("race.picture", "Picture", "Write a picture of the screen.", RACE, "app.picture", "f8"),
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
