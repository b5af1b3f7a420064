"""A real browser without a window, steered through a pipe: Chromium's own protocol, one JSON object after another."""

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from itertools import count
from select import select
from time import monotonic

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 60.0


class Page:
    """A tab."""

    def __init__(self, to_browser, from_browser):
        self._out, self._in = to_browser, from_browser
        self._numbers, self._rest = count(1), b""
        self._session = None
        self.requests, self.errors = [], []

    def call(self, method, **parameters):
        """Ask the browser for something and wait for its answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self):
        end = monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select([self._in], [], [], max(0.0, end - monotonic()))
            assert ready, "the browser does not answer"
            self._rest += os.read(self._in, 1 << 16)
        line, _, self._rest = self._rest.partition(b"\0")
        event = json.loads(line)
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(event["params"]["request"]["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(event["params"]["exceptionDetails"]["text"])
            case "Log.entryAdded":
                self.errors.append(event["params"]["entry"]["text"])
        return event

    def open(self, path):
        """Open a file in a tab of its own."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=path.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def run(self, script):
        """The value of an expression in the page."""
        made = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in made, made
        return made["result"].get("value")

    def press(self, key, code=None, text=None):
        """Press a key."""
        more = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=code or key, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code or key)


@contextmanager
def browser(profile):
    """A browser with an empty profile and one tab."""
    (their_in, our_out), (our_in, their_out) = os.pipe(), os.pipe()

    def place():
        os.dup2(their_in, 3)
        os.dup2(their_out, 4)

    words = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--window-size=1200,900", f"--user-data-dir={profile}", "about:blank"]  # fmt: skip
    process = subprocess.Popen(
        words, preexec_fn=place, pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(their_in)
    os.close(their_out)
    try:
        yield Page(our_out, our_in)
    finally:
        process.terminate()
        process.wait(20)
        for end in (our_out, our_in):
            os.close(end)
