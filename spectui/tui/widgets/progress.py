"""How far a replay is."""

from textual.content import Content
from textual.widgets import Static

from ...present.bar import bar


class Progress(Static):
    """A bar over the whole width."""

    share = 0.0

    def on_resize(self) -> None:
        """It is as long as there is room."""
        self.show(self.share)

    def show(self, share: float) -> None:
        """Draw this part of the whole, from 0 to 1."""
        self.share = share
        width = max(1, self.size.width - 2)
        drawn = bar(share, 1.0, width)
        rest = "─" * max(0, width - len(drawn))
        self.update(Content.assemble((drawn, "$primary"), (rest, "$token-muted")), layout=False)
