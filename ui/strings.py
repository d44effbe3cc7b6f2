"""Every text of the page: labels, notes, errors, and the names of steps.

A translation is a `Strings` with other values. `{name}` in a text is replaced by `format`; a text with two forms is
`Counted`. The fields of `Browser` are those that the scripts in `static/` use: see `reelweaveText` in page.js.
Messages of the pipeline, which are also shown by the command line, are put in the page's words by `wording`.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Counted(NamedTuple):
    """A text for one thing, and for any other number of them."""

    one: str
    many: str

    def __call__(self, count: int, **fields: object) -> str:
        return (self.one if count == 1 else self.many).format(count=count, **fields)


class Advice(NamedTuple):
    """An error: what went wrong, and the next step."""

    cause: str
    remedy: str

    def about(self, **fields: object) -> "Advice":
        return Advice(self.cause.format(**fields), self.remedy.format(**fields))


class Common(NamedTuple):
    """What several tabs share."""

    or_library: str = "or choose one from the library"
    or_path: str = "or enter the path of a file on this server"
    removed_video: str = "{name} (removed)"
    cancel: str = "Cancel"
    undo: str = "Undo"
    skip: str = "Skip"
    dismiss: str = "dismiss"
    none: str = "none"
    more: str = "and {count} more"
    frames: Counted = Counted("{count} frame", "{count} frames")
    films: str = "Films"
    film: str = "Film"
    plan: str = "Plan"
    edit_lists: str = "Edit lists"


class Shell(NamedTuple):
    """The head of the page and its tabs."""

    name: str = "Reelweave"
    slogan: str = "Takes videos apart into frames and puts them back together."
    theme: str = "switch between light and dark"
    theme_hint: str = "light or dark"
    reconstruct: str = "Reconstruct"
    reconstruct_purpose: str = (
        "Restores the order of a shuffled video and removes frames that don't belong. "
        "You can then correct anything it got wrong."
    )
    search: str = "Search"
    search_purpose: str = "Finds frames in all videos of the library, by words or by a picture."
    library: str = "Library"
    library_purpose: str = "Indexed videos. They can be searched and re-solved without decoding them again."
    repair: str = "Repair"
    repair_purpose: str = "Finds smeared, torn and frozen frames of a bad recording, and replaces them."
    measure: str = "Measure"
    measure_purpose: str = (
        "Scrambles an intact clip and restores its order, to show how well that works on videos like yours."
    )


class Jobs(NamedTuple):
    """Progress, how jobs end, and what can be done about an error."""

    starting: str = "Starting"
    use_best: str = "Use the best result so far"
    progress: str = "progress"
    share: str = "{percent} %"
    done: str = "{done} of {total}"
    minutes_left: str = "{minutes:.0f} min left"
    seconds_left: str = "{seconds:.0f} s left"
    jobs_ahead: Counted = Counted("{count} job ahead", "{count} jobs ahead")
    cancelled: str = "Cancelled."
    cancelled_resumable: str = "Cancelled. Progress is saved."
    unexpected: str = "Something went wrong: {problem}"
    resume: str = "Resume"
    try_again: str = "Try again"
    add_vectors: str = "Add the missing vectors"
    finish_ingest: str = "Finish adding it"
    download_model: str = "Download the model"
    use_small_model: str = "Try the small model"
    repair_library: str = "Repair the library"
    locate: str = "Locate the file"
    locate_field: str = "Where is {name} now?"
    locate_hint: str = "~/Videos"
    add_videos: str = "Add videos"
    cancel_running: str = "Cancel the running job"
    library_repaired: str = "The library was checked. What could be restored was restored."
    video_completed: str = "{name} is complete."
    video_located: str = "Found {name}."
    model_ready: str = "The model is ready."
    small_model_ready: str = "Words are now understood by the small model, which only knows drawn shapes and colours."


class Repair(NamedTuple):
    """The Repair tab."""

    upload: str = "Drop a video here"
    detector: str = "Method"
    rules: str = "rules, without training"
    trained: str = "trained detector"
    find: str = "Find broken frames"
    broken_frames: str = "Broken frames"
    mark_yourself: str = "Mark frames yourself"
    mark_example: str = "3, 229-267"
    frames: str = "Frames"
    mark_broken: str = "Mark as broken"
    mark_clean: str = "Mark as clean"
    repair: str = "Repair"
    fill_method: str = "Fill method"
    method_auto: str = "auto: motion where it works, else blend"
    method_motion: str = "motion: interpolate along the motion"
    method_blend: str = "blend: cross-fade"
    method_hold: str = "hold: repeat the nearer clean frame"
    longest: str = "Longest gap to fill"
    longer: str = "Longer gaps"
    long_leave: str = "leave as they are"
    long_hold: str = "hold the nearest clean frame"
    region: str = "Replace"
    region_auto: str = "auto: the broken part where it can be told"
    region_on: str = "on: the broken part wherever one is found"
    region_off: str = "off: whole frames"
    video: str = "Video"
    frame_facts: str = "{frames}, {duration}"
    broken: str = "Broken"
    stale: str = "The list has changed since the repair. Repair again to apply it."
    timeline: str = "Damage score per frame"
    legend_broken: str = "broken"
    legend_clean: str = "clean"
    legend_threshold: str = "threshold"
    timeline_label: str = "{broken} of {frames} frames are broken"
    axis_start: str = "frame {number}"
    run: str = "{first} to {last}"
    score: str = "score {score}"
    score_range: str = "score {low} to {high}"
    toggle_clean: str = "Not broken"
    toggle_clean_label: str = "mark {frames} as clean"
    toggle_broken: str = "Broken"
    toggle_broken_label: str = "mark {frames} as broken"
    nothing_found: str = "No broken frames found. You can mark some below."
    before_film: str = "Before: {name}"
    after_film: str = "After"
    frame_list: str = "Frame list"
    replaced: Counted = Counted("{count} frame replaced.", "{count} frames replaced.")
    left: Counted = Counted("{count} frame left as it was.", "{count} frames left as they were.")
    gaps: str = "Gaps"
    gaps_compared: str = "Gaps, before and after"
    play_gap: str = "Play it"
    play_gap_label: str = "play {gap}"
    gap_pictures: str = "pictures"
    row_before: str = "before"
    row_after: str = "after"
    row_replaced: str = "replaced"
    picture: str = "frame {number} {row}"
    kinds: Mapping[str, str] = {
        "flagged": "guessed by the decoder",
        "smeared": "smeared",
        "blocky": "blocky",
        "torn": "torn",
        "noisy": "noisy",
        "frozen": "frozen",
        "blank": "blank",
        "black": "black",
        "misfit": "doesn't match its neighbours",
        "broken": "broken (trained detector)",
        "user": "marked by you",
    }
    """The titles of the classes of damage, in the order they are listed in."""


class Labels(NamedTuple):
    """Training a detector, on the Repair tab."""

    title: str = "Train on your own recordings"
    folder: str = "Pictures are kept in"
    folder_rest: str = (
        ", with the detector trained on them. Label at least {least} of each kind; 50 give better results."
    )
    pictures: str = "Pictures from the video above"
    pick: str = "Pick doubtful frames"
    precision_target: str = "Target precision (0 = best balance)"
    train: str = "Train"
    use: str = "Use this detector"
    section: str = "label pictures"
    question: str = "Is the large frame broken?"
    counts: str = "{waiting} to label; {broken} broken and {clean} clean so far"
    broken: str = "Broken"
    clean: str = "Clean"
    picture: str = "frame {frame} of {video}, with its neighbours"
    deleted: str = "This picture has been deleted. Skip it."
    all_labelled: str = "All pictures are labelled."
    no_pictures: str = "No pictures yet. Pick some from the video above."
    precision: str = "Precision"
    recall: str = "Recall"
    threshold: str = "Threshold"
    threshold_value: str = "{threshold:.3f} ({chosen})"
    folds: str = "Cross-validation"
    folds_value: str = "{count} folds, by {by}"
    columns: tuple[str, ...] = ("video", "broken", "clean", "precision", "recall")


class Measure(NamedTuple):
    """The Measure tab."""

    upload: str = "Drop an intact clip"
    frames: str = "Frames (0 = all)"
    foreign: str = "Foreign frames"
    seed: str = "Seed"
    noise: str = "Noise and encoding"
    salt: str = "Salt and pepper, share of the pixels"
    grain: str = "Grain, grey levels"
    quality: str = "x264 quality (CRF); higher is worse"
    run: str = "Run the test"
    original: str = "Original: {name}"
    scrambled: str = "Scrambled"
    restored: str = "Order restored"
    scrambled_film: str = "Scrambled film"
    restored_film: str = "Restored film"
    truth: str = "Ground truth"
    pictures: str = "Pictures"
    frames_before: str = "Frames as scrambled"
    frames_after: str = "Frames in the restored order"
    distances_before: str = "Distances as scrambled"
    distances_after: str = "Distances in the restored order"
    score: str = "score"
    value: str = "value"
    meaning: str = "meaning"
    yes: str = "yes"
    no: str = "no"
    decibels: str = "{value:.2f} dB"
    seconds_meaning: str = "for {frames}, {kept} of them kept"
    scores: Mapping[str, tuple[str, str]] = {
        "adjacency": ("adjacency", "share of true neighbours that are neighbours again"),
        "tau": ("tau", "rank correlation with the true order: 1 is identical, -1 is reversed"),
        "shot_tau": ("shot tau", "the same within each shot, in either direction"),
        "exact": ("exact", "whether every frame is in its true position"),
        "jumps": ("jumps", "wrong transitions"),
        "lost": ("lost", "true frames that were dropped"),
        "precision": ("precision", "share of dropped frames that are foreign"),
        "recall": ("recall", "share of foreign frames that were dropped"),
        "psnr": ("PSNR", "similarity of the film's pictures to the clip's"),
        "ssim": ("SSIM", "similarity of their structure; 1 is identical"),
        "seconds": ("seconds", ""),
    }
    """The name and the meaning of each score."""


class Player(NamedTuple):
    """The controls of films that play side by side."""

    group: str = "player"
    back: str = "previous frame"
    back_hint: str = "previous frame (left arrow)"
    play_hint: str = "L plays, K pauses, J goes back a second"
    forward: str = "next frame"
    forward_hint: str = "next frame (right arrow)"
    position: str = "position"
    speed: str = "speed"
    times: str = "{factor}x"
    sound: str = "Sound"
    sound_hint: str = "play the sound of the result"
    compare: str = "Compare"
    compare_hint: str = "lay one film over the other"
    wipe: str = "where the films meet"


class Browser(NamedTuple):
    """What the scripts in `static/` show."""

    name: str = Shell().name
    a_job: str = "A job"
    finished: str = "{tab}: finished"
    failed: str = "{tab}: ended with an error"
    play: str = "Play"


class Errors(NamedTuple):
    """Mistakes that the page finds before the pipeline does."""

    no_video: Advice = Advice("No video was given.", "Drop one above, or choose one from the library.")
    no_place: Advice = Advice("No folder was given.", "Enter the file or folder where the video is now.")
    nothing_broken: Advice = Advice("There are no broken frames to replace.", "Mark frames as broken first.")
    busy: Advice = Advice("Another job is still running on this tab.", "Wait for it to end, or cancel it.")
    closing: Advice = Advice("The page is closing.", "Start Reelweave again.")
    not_uploaded: Advice = Advice("This file was not uploaded to this page, or it has been deleted.", "Drop it again.")
    source_missing: Advice = Advice("The file of {name} is missing.", "Say where it is now, or choose another video.")
    not_a_number: Advice = Advice("{value} is not a number.", "Enter a whole number.")
    no_server_paths: Advice = Advice(
        "This page can be reached from other machines, so it opens no files by name.", "Drop the file on the page."
    )


class Strings(NamedTuple):
    """All of them, by the part of the page."""

    common: Common = Common()
    shell: Shell = Shell()
    jobs: Jobs = Jobs()
    player: Player = Player()
    repair: Repair = Repair()
    labels: Labels = Labels()
    measure: Measure = Measure()
    browser: Browser = Browser()
    errors: Errors = Errors()


STRINGS = Strings()
