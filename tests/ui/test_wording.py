"""Messages of the pipeline are shown in the words of the page."""

import pytest

from reelweave.ui.wording import page_wording, stage_name, step_of


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "`reelweave ingest 'a b.mp4' c.mp4 --fps all --space clip` makes them.",
            "Adding CLIP vectors to a b.mp4, c.mp4 on the Library tab makes them.",
        ),
        (
            "Restore it; or `reelweave videos remove f-1` and ingesting it again help.",
            "Restore it; or removing f-1 on the Library tab and ingesting it again help.",
        ),
        ("No video. `reelweave videos list --library x` shows all.", "No video. The Library tab shows all."),
        ("See `reelweave doctor`.", "See reelweave doctor in a terminal."),
        ("`reelweave ingest --help` tells.", "Reelweave ingest in a terminal tells."),
        ("Put `x` back.", "Put `x` back."),
        (
            "These cannot all hold: --flip-shot 1, --before 118:37.",
            "These cannot all hold: “Play shot 1 backwards”, “Play frame 118 before frame 37”.",
        ),
        (
            "These cannot all hold: --first 99, --last 99, --shot-order 2,1.",
            "These cannot all hold: “Start with frame 99”, “End with frame 99”, “Shot order: 2, 1”.",
        ),
        (
            "Give --space appearance to do without it, set clip.model to a local-dir: with weights. Or try later.",
            "Or try later.",
        ),
        ("a.mp4 has sound, left out; --audio shuffle includes it.", "a.mp4 has sound, which is left out."),
        ("It is being written by ingest x (process 2699 on vm).", "It is being written by ingest x."),
        ("/home/a b/lib.page/given/81d7aa/hostile.mp4 is not a video.", "hostile.mp4 is not a video."),
        ("Paths such as /films/a.mp4 stay.", "Paths such as /films/a.mp4 stay."),
        (
            "None of the videos to search has vectors in the clip space: tape-845a9133, a-b-2fe79319. "
            "`reelweave ingest tape.mp4 --space clip` makes those of the first.",
            "None of the videos to search can be searched by words: tape, a-b. "
            "Adding CLIP vectors to tape.mp4 on the Library tab makes those of the first.",
        ),
        (
            "The weights of its model are not on this machine; `reelweave models fetch` gets them.",
            "The weights of its model are not on this machine; downloading the model gets them.",
        ),
        ("The film take-20261130.mp4 stays.", "The film take-20261130.mp4 stays."),
        (
            "It does not fit this film, so none is dropped (outliers.max_share).",
            "It does not fit this film, so none is dropped.",
        ),
        (
            "The sound of a.mp4 plays on; --audio reslice or drop decides otherwise.",
            "The sound of a.mp4 plays on.",
        ),
        ("It was `reelweave ingest 'open`.", "It was reelweave ingest 'open in a terminal."),
    ],
)
def test_commands_are_replaced_by_actions_of_the_page(message: str, expected: str) -> None:
    assert page_wording(message) == expected


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ingest (appearance)", "Reading the frames"),
        ("neighbours", "Comparing frames"),
        ("4 sources, MB", "Adding videos"),
        ("load ViT-B-32", "Loading the model"),
        ("tape.mp4: look for broken frames", "Looking for broken frames: tape.mp4"),
        ("something new", "Something new"),
        ("", ""),
    ],
)
def test_steps_have_plain_names(name: str, shown: str) -> None:
    assert stage_name(name) == shown


def test_a_step_has_one_name_whatever_it_works_on() -> None:
    assert step_of("a: ingest (appearance)") == step_of("ingest (clip)") == "ingest"
