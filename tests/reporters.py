"""Progress reporters for tests."""

from landscape.progress import Silent


class StopAfter(Silent):
    """Interrupts when so many updates have come, as Ctrl-C would."""

    def __init__(self, updates: int) -> None:
        self.left = updates

    def update(self, done: int, detail: str = "") -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


class StopAt(Silent):
    """Interrupts when so many steps are done, those of an earlier run counted."""

    def __init__(self, done: int) -> None:
        self.done = done

    def update(self, done: int, detail: str = "") -> None:
        if done >= self.done:
            raise KeyboardInterrupt


class Recorder(Silent):
    """Records all messages and updates."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done: list[int] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def update(self, done: int, detail: str = "") -> None:
        self.done.append(done)
