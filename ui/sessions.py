"""Keep one object per browser session, such as a plan being corrected, and delete its files with it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable


@runtime_checkable
class WithFolder(Protocol):
    """An object whose files all lie in one folder."""

    @property
    def folder(self) -> Path: ...


State = TypeVar("State", bound=WithFolder)


class SessionStates(Generic[State]):
    """One immutable state per session. Events of one session may overlap, so every change is atomic."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        self._lock = Lock()

    def of(self, session: str | None) -> State | None:
        return self._states.get(session or "")

    def put(self, session: str | None, state: State) -> None:
        """Set the session's state and delete the files of the previous one."""
        with self._lock:
            old = self._states.get(session or "")
            self._states[session or ""] = state
        delete_files(old)

    def change(self, session: str | None, update: Callable[[State], State]) -> State | None:
        """Apply `update` and return the new state; None if the session has no state."""
        with self._lock:
            if (state := self.of(session)) is None:
                return None
            self._states[session or ""] = update(state)
            return self._states[session or ""]

    def show(self, session: str | None, render: Callable[[State], dict[Any, Any]]) -> dict[Any, Any]:
        """Render the session's state; again if it changes meanwhile, so that no older answer covers a newer one."""
        while (state := self.of(session)) is not None:
            outputs = render(state)
            if self.of(session) is state:
                return outputs
        return {}

    def clear(self, session: str | None) -> None:
        with self._lock:
            old = self._states.pop(session or "", None)
        delete_files(old)


def delete_files(state: WithFolder | None) -> None:
    """Delete the folder of a state that is no longer shown."""
    if state is not None:
        shutil.rmtree(state.folder, ignore_errors=True)
