"""What a session shows is its latest state, whichever of its overlapping events answers last."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reelweave.ui.sessions import SessionStates


@dataclass(frozen=True)
class Counter:
    folder: Path
    count: int = 0


def raised(counter: Counter) -> Counter:
    return replace(counter, count=counter.count + 1)


def test_a_state_that_changes_while_it_is_rendered_is_rendered_again(tmp_path: Path) -> None:
    states: SessionStates[Counter] = SessionStates()
    states.put("one", Counter(tmp_path / "none"))
    rendered = []

    def slowly(counter: Counter) -> dict[Any, Any]:
        rendered.append(counter.count)
        if counter.count < 2:
            states.change("one", raised)
        return {"count": counter.count}

    assert states.show("one", slowly) == {"count": 2}
    assert rendered == [0, 1, 2]


def test_a_session_without_a_state_shows_nothing() -> None:
    states: SessionStates[Counter] = SessionStates()
    assert states.show("one", lambda counter: {"count": counter.count}) == {}
