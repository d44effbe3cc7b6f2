"""Every text of the page: labels, notes, errors, and the names of steps.

A translation is a `Strings` with other values. `{name}` in a text is replaced by `format`; a text with two forms is
`Counted`. The fields of `Browser` are those that the scripts in `static/` use: see `reelweaveText` in text.js.
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
    method_auto: str = "auto: motion, else blend"
    method_motion: str = "motion: interpolate along the motion"
    method_blend: str = "blend: cross-fade"
    method_hold: str = "hold: repeat the nearer clean frame"
    longest: str = "Longest gap to fill"
    longer: str = "Longer gaps"
    long_leave: str = "leave as they are"
    long_hold: str = "hold the nearest clean frame"
    region: str = "Replace"
    region_auto: str = "auto: the broken part, if certain"
    region_on: str = "on: the broken part, if found"
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


class Reconstruct(NamedTuple):
    """The Reconstruct tab."""

    upload: str = "Drop a video here"
    start: str = "Restore order"
    render: str = "Render the film"
    render_reversed: str = "Render it reversed"
    your_corrections: str = "Your corrections"
    solve: str = "Solve again"
    automatic: str = "Re-solve automatically"
    shots: str = "Shots"
    all_frames: str = "All frames"
    dropped_frames: str = "Dropped frames"
    dropped_hint: str = "Click a frame to restore it."
    why: str = "Why this order"
    recent_label: str = "recent videos"
    recent: str = "Recent:"
    reopen: str = "open {name} again"
    running: str = "running"
    corrections_count: Counted = Counted("{count} correction", "{count} corrections")
    forget: str = "remove {name} from this list"
    original: str = "Original: {name}"
    restored: str = "Order restored"
    preview: str = "Low-res preview. Render for full quality."
    reversed_film: str = "Reversed film"
    download: str = "Download: {name}"
    details: str = "Details"
    list_label: str = "your corrections"
    more_label: str = "more of your corrections"
    more_corrections: str = "{count} more"
    no_corrections: str = "No corrections yet. Click a frame or use a shot's buttons."
    undo_label: str = "undo (Ctrl+Z)"
    redo: str = "Redo"
    redo_label: str = "redo (Ctrl+Shift+Z)"
    not_applied: str = "not applied yet"
    change_label: str = "change: {text}"
    change_hint: str = "change the numbers"
    remove_label: str = "remove: {text}"
    in_a_row: str = "Place frames {} in a row"
    shot_name: str = "shot {number}"
    group_name: str = "group {number}"
    shot_title: str = "Shot {number}"
    shot_part: str = "Shot {number} (part)"
    shot_facts: str = "{frames}, {seconds:.1f} s"
    one_shot: str = "1, of {frames}"
    several_shots: str = "{count}, of {others} and {frames}"
    earlier_label: str = "{shot} earlier"
    later_label: str = "{shot} later"
    flip: str = "Flip"
    flip_label: str = "play {shot} backwards"
    drop: str = "Drop"
    drop_shot_label: str = "drop {shot}"
    join: str = "Join"
    join_label: str = "join {shot} to the shot before it"
    frame_label: str = "frame {number}"
    selected_label: str = "the selected frame"
    nothing_selected: str = "Click a frame below to move, drop or restore it."
    selected_title: str = "Frame {number}, position {position} of {count}"
    previous_frame: str = "the previous frame"
    next_frame: str = "the next frame"
    make_first: str = "Make first"
    make_last: str = "Make last"
    play_before: str = "Play before …"
    play_before_label: str = "play before another frame"
    place_next: str = "Place next to …"
    place_next_label: str = "place next to another"
    join_shots: str = "Join shots"
    join_here_label: str = "join the shot that begins here to the one before"
    cut_here: str = "Cut here"
    cut_here_label: str = "begin a new shot with this frame"
    drop_it: str = "Drop it"
    similar_label: str = "find frames of the library that look like this one"
    was_dropped: str = "Frame {number} was dropped."
    restore_it: str = "Restore it"
    show_all: str = "Show all {frames}"
    go_to: str = "Go to"
    go_to_example: str = "frame or 0:12.5"
    go: str = "Go"
    earlier: str = "Earlier"
    earlier_hint: str = "move the selection one place earlier (Alt+left)"
    later: str = "Later"
    later_hint: str = "move the selection one place later (Alt+right)"
    cut_hint: str = "begin a new shot with the current frame (C)"
    join_hint: str = "join the shot of the current frame to the one before (Shift+C)"
    drop_hint: str = "leave the selection out (Delete)"
    restore: str = "Restore"
    restore_hint: str = "restore the dropped frames of the selection (R)"
    size: str = "Size"
    grid_label: str = "all frames"
    grid_help: str = (
        "Drag frames to another place, or use Alt with the arrow keys. Shift and Ctrl select several. ? lists all keys."
    )
    restore_group: str = "Restore {name} ({frames})"
    restore_label: str = "restore frame {number}: {reason}"
    score: str = "score {score:.2f}"
    in_the_plan: str = ", which the plan lists"
    none_dropped: str = "No frame was dropped."
    distances_before: str = "Distances between frames in file order"
    distances_after: str = "Distances in the restored order: dark along the diagonal"
    curve: str = "How abrupt each transition is; weak transitions are marked"
    curve_title: str = "How abrupt each transition is"
    weak: str = "Weak transitions"
    undetermined: str = "undetermined: a cut"
    confidence: str = "confidence {percent:.0f}%"
    alternatives: str = "Alternatives:"
    shortcuts: str = "Keyboard shortcuts"
    shortcuts_label: str = "keyboard shortcuts"
    close: str = "Close"
    tour: str = "Tour"
    tour_label: str = "tour"
    tour_offer: str = "New here? Take a one-minute tour"
    back: str = "Back"
    next: str = "Next"
    done: str = "Done"
    end_tour: str = "End the tour"
    demo_film: str = "Demo film.mp4"
    waiting: Mapping[str, str] = {
        "before": "Click the frame that should come later (Esc to cancel).",
        "adjacent": "Click the frame that should be next to it (Esc to cancel).",
    }
    """What the page waits for, by the correction that it will make."""
    reasons: Mapping[str, str] = {
        "outlier": "doesn't match any other frame",
        "foreign": "looks like a different scene",
        "broken": "broken",
        "duplicate": "a repeat",
        "user": "you dropped it",
        "elsewhere": "in another film",
    }
    """Why a frame was dropped."""
    keys: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
        (
            "Film",
            (
                ("L", "play, and again: faster"),
                ("K", "pause"),
                ("J", "back one second"),
                ("← →", "one frame, in the player"),
            ),
        ),
        (
            "All frames",
            (
                ("← → ↑ ↓", "go to another frame; with Shift: select up to it"),
                ("Page Up, Page Down, Home, End", "go further"),
                ("Ctrl+A, Esc", "select all frames of the film, or one"),
                ("Alt+← Alt+→", "move the selection"),
                ("Delete, R", "drop, or restore, the selection"),
                ("C, Shift+C", "begin a new shot here, or join it to the one before"),
                ("Enter", "show the frame beside its neighbours"),
                ("G", "go to a frame or a time"),
                ("+ -", "larger or smaller frames"),
            ),
        ),
        ("Corrections", (("Ctrl+Z", "undo"), ("Ctrl+Shift+Z", "redo"), ("Esc", "stop waiting for a second frame"))),
        ("Help", (("?", "show these keys"),)),
    )
    """The keys of the tab, by what they act on."""
    tour_steps: tuple[tuple[str, str], ...] = (
        (
            "A shuffled film",
            "The frames of this film are out of order, and some don't belong to it. "
            "Restoring its order takes a few seconds.",
        ),
        (
            "Before and after",
            "The original video and the restored one. L plays both, K pauses, J goes back. "
            "Compare lays one over the other.",
        ),
        (
            "Shots",
            "Each strip is a shot. Move, flip, join or drop whole shots with its buttons. "
            "Click a frame to work on that frame.",
        ),
        (
            "One frame",
            "The frame you clicked appears here beside its neighbours. Make it first or last, drop it, "
            "or begin a new shot with it.",
        ),
        (
            "Your corrections",
            "Everything you change is listed here. You can edit or remove each entry; "
            "the film is solved again at once. Ctrl+Z undoes.",
        ),
        (
            "All frames",
            "A grid of every frame of the film. Drag frames to another place, select several, cut shots. "
            "Press ? for all keys.",
        ),
        ("Dropped frames", "What did not belong to the film, and why. Click a frame to bring it back."),
        (
            "Take it with you",
            "Download the film and its plan, or write edit lists for your video editor. "
            "Now drop a video of your own at the top.",
        ),
    )
    """The title and the text of each step of the tour."""


class Search(NamedTuple):
    """The Search tab."""

    words: str = "Words"
    words_example: str = "beach - people"
    picture: str = "and / or a picture"
    start: str = "Search"
    filters: str = "Filters"
    videos: str = "Videos (all if empty)"
    names: str = "or videos whose name contains"
    names_example: str = "cam*.mp4"
    after: str = "From"
    before: str = "To"
    since: str = "Made since"
    until: str = "Made until"
    min_length: str = "Min length"
    max_length: str = "Max length"
    max_results: str = "Max results"
    threshold: str = "Minimum score"
    threshold_none: str = "none"
    threshold_auto: str = "auto: near the best"
    threshold_calibrated: str = "calibrated: only strong matches"
    threshold_score: str = "a score"
    score_field: str = "The score, -1 to 1"
    clips: str = "Group neighbouring results into clips"
    space: str = "Compare by"
    space_automatic: str = "Automatic"
    space_content: str = "Content (CLIP)"
    space_appearance: str = "Visual similarity"
    frames_export: str = "Frames at full size"
    film_export: str = "Film of the results"
    sheet_export: str = "Contact sheet"
    export_selected: str = "{name} ({count} selected)"
    save: str = "Save this search"
    time_range: str = "{start} to {end}"
    item: str = "{name}, {time}"
    need_model: str = "Searching by words needs a model that is not on this machine."
    small_model: str = (
        "The small model only knows drawn shapes and colours, such as those of the demo film. "
        "Pictures can be searched without a model."
    )
    lacking: Counted = Counted(
        "{count} video of {videos} cannot be searched by words yet.",
        "{count} videos of {videos} cannot be searched by words yet.",
    )
    add_to_all: str = "Add word search to all videos"
    small_in_use: str = "Words are understood by the small model, which only knows drawn shapes and colours."
    picked: str = "{count} selected"
    nothing_picked: str = "Nothing selected: the buttons use all results."
    found_frames: Counted = Counted("{count} matching frame", "{count} matching frames")
    found_clips: Counted = Counted("{count} clip", "{count} clips")
    summary: str = "{found} ({space}). Click one to play it."
    summary_above: str = "{found} ({space}, score {score:.3f} or more). Click one to play it."
    select_all: str = "Select all"
    play_label: str = "play {name} at {time}, score {score}"
    select_label: str = "select {name} at {time}"
    similar: str = "Find similar"
    similar_label: str = "find frames similar to {name} at {time}"
    near: str = "Frames like {name} at {time}"
    forget_near: str = "do not search for this frame"
    saved_label: str = "saved searches"
    saved: str = "Saved:"
    rename_field: str = "name of the search"
    keep_name: str = "Keep"
    search_again: str = "search again: {name}"
    rename: str = "rename {name}"
    remove_saved: str = "remove the saved search {name}"
    preview: str = "the picture"
    name_near: str = "like {video} at {time}"
    name_and: str = "{words} and {picture}"
    source_missing: str = "The file of {name} is missing, so it cannot be searched by words."
    spaces: Mapping[str, str] = {"clip": "by content", "appearance": "visual similarity"}
    """How frames were compared, by the name of the space."""


class Library(NamedTuple):
    """The Library tab."""

    add_videos: str = "Add videos"
    upload: str = "Drop videos here"
    path: str = "or enter a path or pattern on this server"
    path_example: str = "~/Videos or tapes/**/*.mkv"
    index_for: str = "Index for"
    space_default: str = "Default"
    space_appearance: str = "visual similarity, to restore the order"
    space_all: str = "visual similarity and CLIP, to search by words too"
    rate: str = "Frames per second (0 = all)"
    add: str = "Add to the library"
    filter: str = "Filter by name"
    show: str = "Show"
    sort: str = "Sort"
    previous: str = "Previous page"
    next: str = "Next page"
    page_of: str = "Page of {pages}"
    removed: str = "Removed {name}."
    completed: str = "Completed {name}."
    searchable: str = "{name} can be searched by words."
    videos_count: Counted = Counted("{count} video", "{count} videos")
    copy_deleted: str = "The uploaded copy will be deleted too."
    file_stays: str = "The video file stays."
    result: str = "{state}, {frames}"
    shown_of: str = "{shown} of {videos}"
    in_all: str = "{duration} in all"
    incomplete_count: str = "{count} incomplete"
    page: str = "page {page} of {pages}"
    empty: str = "The library is empty. Add videos above."
    select_all: str = "Select all"
    select_every: str = "Select all {videos}"
    add_clip: str = "Add CLIP vectors"
    remove: str = "Remove"
    remove_sure: str = "Really remove them?"
    locate_all: str = "Locate all missing files in"
    find_them: str = "Find them"
    no_match: str = "No video matches the filter."
    strip_label: str = "frames of {name}"
    select_label: str = "select {name}"
    facts: str = "{frames} · {duration} · {width} x {height} · {fps:.4g} fps · {size}"
    incomplete: str = "incomplete: {frames} done"
    file_missing: str = "file missing"
    find_it: str = "Find it"
    remove_question: str = "Remove {name} from the library? {fate}"
    remove_yes: str = "Yes, remove it"
    no: str = "No"
    locate: str = "Locate …"
    locate_label: str = "locate the file of {name}"
    resume_label: str = "resume adding {name}"
    add_clip_label: str = "add CLIP vectors to {name}"
    similar_label: str = "find frames similar to {name} at"
    remove_label: str = "remove {name}"
    spaces: Mapping[str, str] = {"appearance": "visual similarity", "clip": "CLIP"}
    """What a video is indexed for, by the name of the space."""
    states: Mapping[str, str] = {"new": "added", "unreadable": "could not be read"}
    """What became of a source, where the pipeline's own word is not the page's."""
    orders: Mapping[str, str] = {
        "latest": "latest first",
        "name": "by name",
        "longest": "longest first",
        "largest": "largest first",
        "incomplete": "incomplete first",
    }
    kinds: Mapping[str, str] = {
        "all": "all videos",
        "incomplete": "incomplete",
        "missing": "file missing",
        "unsearchable": "no word search",
    }


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
    save: str = "Save"
    selected: str = "{count} selected"
    frames: str = "{frames} frames, {dropped} dropped"
    no_frame: str = "no frame {text}"
    frame: str = "frame {frame}, position {position}"
    frame_begins: str = "frame {frame}, position {position}, shot {shot} begins"
    frame_dropped: str = "frame {frame}, dropped"
    shot: str = "Shot {shot}"
    pause: str = "Pause"
    play_both: str = "Play both films"
    pause_both: str = "Pause both films"
    film_time: str = "{time}, frame {number}"
    a_job: str = "A job"
    finished: str = "{tab}: finished"
    failed: str = "{tab}: ended with an error"
    play: str = "Play"


class Errors(NamedTuple):
    """Mistakes that the page finds before the pipeline does."""

    no_video: Advice = Advice("No video was given.", "Drop one above, or choose one from the library.")
    no_place: Advice = Advice("No folder was given.", "Enter the file or folder where the video is now.")
    no_videos: Advice = Advice("No video was given.", "Drop videos here, or enter a path on this server.")
    no_place_sent: Advice = Advice("The page did not send a location.", "Try again.")
    not_found_there: Advice = Advice("None of the missing files is in {path}.", "Enter another folder.")
    empty_search: Advice = Advice("The search is empty.", "Enter a description or add a picture.")
    no_search: Advice = Advice("This link holds no search.", "Enter a description or add a picture.")
    picture_in_text: Advice = Advice(
        "The search text cannot name a picture file here.", "Drop the picture on the page instead."
    )
    search_not_saved: Advice = Advice(
        "The search could not be saved.", "Make room on the disk of the library, and try again."
    )
    search_gone: Advice = Advice("This search is not saved any more.", "Enter a description or add a picture.")
    picture_gone: Advice = Advice("The picture of this search is missing.", "Add it again, and save the search.")
    not_numbers: Advice = Advice(
        "“{text}” does not fit this correction.", "Enter as many numbers as before, with commas between them."
    )
    no_frame: Advice = Advice("The video has no frame {number}.", "Enter the number of another frame.")
    no_shot: Advice = Advice("The film has no shot {number}.", "Enter the number of another shot.")
    nothing_broken: Advice = Advice("There are no broken frames to replace.", "Mark frames as broken first.")
    busy: Advice = Advice("Another job is still running on this tab.", "Wait for it to end, or cancel it.")
    closing: Advice = Advice("The page is closing.", "Start Reelweave again.")
    not_uploaded: Advice = Advice("This file was not uploaded to this page, or it has been deleted.", "Drop it again.")
    source_missing: Advice = Advice("The file of {name} is missing.", "Locate the file, or choose another video.")
    not_a_number: Advice = Advice("{value} is not a number.", "Enter a whole number.")
    no_server_paths: Advice = Advice(
        "This page can be reached from other machines, so it opens no files by name.", "Drop the file on the page."
    )


class Pipeline(NamedTuple):
    """Words for the names that the pipeline gives to steps and constraints."""

    steps: Mapping[str, str] = {
        "ingest": "Reading the frames",
        "sources": "Adding videos",
        "load": "Loading the model",
        "wait": "Waiting",
        "proxies": "Making thumbnails",
        "check": "Checking the files",
        "look for sources": "Looking for the original files",
        "read vectors": "Reading the library",
        "draw a film": "Drawing the demo film",
        "draw frames": "Drawing the frames",
        "remove": "Removing",
        "videos": "Adding word search",
        "download": "Downloading the model",
        "store": "Storing the vectors",
        "search": "Searching",
        "index": "Building the search index",
        "separate films": "Separating the films",
        "neighbours": "Comparing frames",
        "motion": "Measuring motion",
        "match": "Matching details",
        "order": "Finding the order",
        "prove": "Checking the order",
        "fetch pictures": "Fetching pictures",
        "excerpt": "Cutting the clip",
        "read": "Reading the film",
        "read frames": "Reading the film",
        "count frames": "Counting frames",
        "frame times": "Reading the frame times",
        "cut sound": "Cutting the sound",
        "render": "Writing the film",
        "encode": "Writing the film",
        "preview": "Writing the preview",
        "look for broken frames": "Looking for broken frames",
        "train the detector": "Training the detector",
        "contact sheet": "Drawing the contact sheet",
        "compare pictures": "Comparing the pictures",
        "repair": "Replacing broken frames",
        "pictures to label": "Choosing pictures",
    }
    constraints: Mapping[str, str] = {
        "first": "Start with frame {}",
        "last": "End with frame {}",
        "before": "Play frame {} before frame {}",
        "adjacent": "Place frame {} next to frame {}",
        "keep": "Keep frame {}",
        "drop": "Drop frame {}",
        "keep_shot": "Keep group {}",
        "drop_shot": "Drop shot {}",
        "flip_shot": "Play shot {} backwards",
        "shot_order": "Shot order: {}",
        "cut_after": "Cut after frame {}",
        "join_after": "Join the shots after frame {}",
    }
    in_terminal: str = "{command} in a terminal"
    library_tab: str = "the Library tab"
    adding_clip: str = "adding CLIP vectors to {names} on the Library tab"
    adding: str = "adding {names} on the Library tab"
    removing: str = "removing {names} on the Library tab"
    downloading: str = "downloading the model"
    none_searchable: str = "None of the videos to search can be searched by words"
    not_searchable: str = "cannot be searched by words"
    not_completed: str = "is not completely added yet"
    sound_left_out: str = ", which is left out."


class Strings(NamedTuple):
    """All of them, by the part of the page."""

    common: Common = Common()
    shell: Shell = Shell()
    jobs: Jobs = Jobs()
    reconstruct: Reconstruct = Reconstruct()
    search: Search = Search()
    library: Library = Library()
    player: Player = Player()
    repair: Repair = Repair()
    labels: Labels = Labels()
    measure: Measure = Measure()
    browser: Browser = Browser()
    errors: Errors = Errors()
    pipeline: Pipeline = Pipeline()


STRINGS = Strings()
