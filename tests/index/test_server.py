"""Libraries whose vectors are on a Chroma server: ingest, search, other machines, and every way a server can fail."""

import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from helpers import pictures, write_clip
from records import SPACE, rows
from runs import Answer, Run, contents, frames_stored, in_a_process, is_same, started, wait_until

from reelweave.errors import StoreError, StoreUnreachable
from reelweave.index.http_client import check_version
from reelweave.index.library import open_library
from reelweave.index.location import FILE, new_location, read_location
from reelweave.index.server import ServerStore
from reelweave.index.store import ChromaStore
from reelweave.settings import Settings, load

if TYPE_CHECKING:
    from chroma import ChromaServer, Proxy


@pytest.fixture
def proxy(chroma_server: "ChromaServer") -> "Iterator[Proxy]":
    from chroma import proxying

    with proxying(chroma_server.url) as before:
        yield before


def on(url: str, **flags: object) -> Settings:
    """Settings of the test's library with a server, which is given up on soon."""
    quick = {"ingest.space": "appearance", "store.url": url, "store.retry_seconds": 2}
    return load(quick | {name.replace("__", "."): value for name, value in flags.items()})


def store_on(url: str, folder: Path, **flags: object) -> ServerStore:
    chosen = on(url, **flags).store
    return ServerStore(new_location(chosen), chosen, folder / FILE)


def embedded(folder: Path, clip: Path, run: Run) -> dict[str, object]:
    """What an ingest of the same film into a folder stores."""
    assert run("ingest", clip, "--library", folder).code == 0
    return contents(folder)


def is_one_line(answer: Answer, said: str) -> bool:
    """Whether a command failed with a cause and a remedy rather than a traceback."""
    return answer.code == 1 and said in answer.err and "Traceback" not in answer.err and answer.err.count("\n") <= 3


def test_a_library_on_a_server_holds_what_one_in_a_folder_does(
    chroma_server: "ChromaServer", clip: Path, library: Path, tmp_path: Path, run: Run
) -> None:
    assert run("ingest", clip, "--store", chroma_server.url).code == 0
    assert not (library / "chroma").exists()
    assert contents(library) == embedded(tmp_path / "embedded", clip, run)
    assert run("videos", "check").code == 0


def test_a_library_remembers_its_server(chroma_server: "ChromaServer", clip: Path, library: Path, run: Run) -> None:
    run("ingest", clip, "--store", chroma_server.url)
    location = read_location(library / FILE)
    assert location is not None
    assert (location.url, location.created) == (chroma_server.url, True)
    (row,) = run("ingest", clip, "--json").rows
    assert row["state"] == "unchanged"
    assert run("solve", "clip").code == 0
    assert run("videos", "remove", "clip", "--yes").code == 0
    assert contents(library) == {}


def test_no_command_reads_a_folder_s_library_from_a_server(
    chroma_server: "ChromaServer", full: Path, clip: Path, run: Run
) -> None:
    for command in (("ingest", clip), ("videos", "check"), ("solve", "clip")):
        answer = run(*command, "--store", chroma_server.url)
        assert answer.code == 2
        assert "videos move" in answer.err
    assert run("videos", "check").code == 0


def test_two_libraries_never_share_a_database(
    chroma_server: "ChromaServer", clip: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWEAVE_STORE__URL", chroma_server.url)
    for name in ("one", "two"):
        assert run("ingest", clip, "--library", tmp_path / name).code == 0
    run("videos", "remove", "clip", "--yes", "--library", tmp_path / "one")
    assert run("videos", "check", "--library", tmp_path / "two").code == 0
    location = read_location(tmp_path / "two" / FILE)
    assert location is not None
    monkeypatch.setenv("REELWEAVE_STORE__DATABASE", location.database)
    answer = run("ingest", clip, "--library", tmp_path / "three")
    assert is_one_line(answer, "another library")
    assert run("videos", "check", "--library", tmp_path / "two").code == 0


@pytest.mark.parametrize("command", ["ingest", "search", "solve", "videos check"])
def test_a_server_that_cannot_be_reached_is_one_clear_line_and_nothing_is_lost(
    proxy: "Proxy", clip: Path, library: Path, run: Run, monkeypatch: pytest.MonkeyPatch, command: str, tmp_path: Path
) -> None:
    from chroma import free_port

    run("ingest", clip, "--store", proxy.url)
    before = contents(library)
    other = write_clip(tmp_path / "other.mp4", pictures(3))
    words: dict[str, list[object]] = {
        "ingest": ["ingest", other],
        "search": ["search", "--image", _picture(tmp_path)],
        "solve": ["solve", "clip"],
    }
    nobody = f"http://127.0.0.1:{free_port()}"
    answer = run(*words.get(command, command.split()), "--store", nobody)
    assert is_one_line(answer, "cannot be reached")
    assert nobody in answer.err
    assert contents(library) == before


def _picture(folder: Path) -> Path:
    import cv2

    cv2.imwrite(str(folder / "picture.png"), np.full((64, 96, 3), 128, np.uint8))
    return folder / "picture.png"


def test_a_wrong_token_is_refused_and_the_right_one_is_taken_from_the_environment_or_a_file(
    proxy: "Proxy", clip: Path, library: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def guarded(_method: str, _path: str, headers: dict[str, str], _body: bytes) -> tuple[int, bytes] | None:
        given = {name.lower(): value for name, value in headers.items()}
        allowed = given.get("authorization") == "Bearer right" or given.get("x-chroma-token") == "right"
        return None if allowed else (401, b'{"error":"AuthError","message":"Forbidden"}')

    proxy.rule = guarded
    assert is_one_line(run("ingest", clip, "--store", proxy.url), "refused the token")
    monkeypatch.setenv("REELWEAVE_STORE_TOKEN", "wrong")
    assert is_one_line(run("ingest", clip, "--store", proxy.url), "refused the token")
    monkeypatch.setenv("REELWEAVE_STORE_TOKEN", "right")
    assert run("ingest", clip, "--store", proxy.url).code == 0
    monkeypatch.delenv("REELWEAVE_STORE_TOKEN")
    (tmp_path / "token").write_text("right\n")
    monkeypatch.setenv("REELWEAVE_STORE__TOKEN_FILE", str(tmp_path / "token"))
    assert run("videos", "check").code == 0
    monkeypatch.setenv("REELWEAVE_STORE__TOKEN_HEADER", "X-Chroma-Token")
    assert run("videos", "check").code == 0
    assert "right" not in (library / FILE).read_text()
    monkeypatch.setenv("REELWEAVE_STORE__TOKEN_FILE", str(tmp_path / "none"))
    answer = run("videos", "check")
    assert answer.code == 2
    assert "token_file" in answer.err


@pytest.mark.parametrize("url", ["http://user:secret@host:8000", "ftp://host", "host:8000", "http://host:8000?x=1"])
def test_only_the_url_of_a_server_is_accepted_and_no_password_in_it(clip: Path, run: Run, url: str) -> None:
    assert run("ingest", clip, "--store", url).code == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, b'"0.6.3"', id="an older server"),
        pytest.param(200, b'"2.0.0"', id="a newer server"),
        pytest.param(404, b"<html>not found</html>", id="a server of something else"),
        pytest.param(200, b"<html>welcome</html>", id="a web site"),
    ],
)
def test_a_server_of_another_kind_is_refused(
    proxy: "Proxy", clip: Path, library: Path, run: Run, status: int, body: bytes
) -> None:
    proxy.rule = lambda _method, path, _headers, _body: (status, body) if path.endswith("/version") else None
    answer = run("ingest", clip, "--store", proxy.url)
    assert is_one_line(answer, "1.x") or is_one_line(answer, "HTTP 404")
    assert not any("POST" in request for request in proxy.requests)


def test_every_server_of_this_major_version_is_accepted() -> None:
    for version in ("1.0.0", "1.5.9", "1.99"):
        check_version("http://host", version)
    for version in ("0.5.20", "2.0", "10.1", "unknown", None):
        with pytest.raises(StoreError):
            check_version("http://host", version)


def test_what_a_busy_server_refuses_is_sent_again(proxy: "Proxy", tmp_path: Path) -> None:
    store = store_on(proxy.url, tmp_path, store__retry_seconds=60)
    store.write("video", SPACE, rows(range(3)))
    refusals = iter([(503, b"busy"), (429, b"busy"), (502, b"busy")])
    proxy.rule = lambda *_: next(refusals, None)
    store.write("video", SPACE, rows(range(3, 9)))
    assert len(store.read("video", SPACE)) == 9
    store.close()


def test_a_write_whose_answer_is_lost_is_not_done_twice(proxy: "Proxy", tmp_path: Path) -> None:
    store = store_on(proxy.url, tmp_path, store__retry_seconds=60)
    store.write("video", SPACE, rows(range(1)))
    lost = iter([True])
    proxy.loses = lambda path: path.endswith("/upsert") and next(lost, False)
    proxy.requests.clear()
    store.write("video", SPACE, rows(range(1, 9)))
    assert sum("/upsert" in request for request in proxy.requests) == 1
    assert len(store.read("video", SPACE)) == 9
    store.close()


def test_a_request_that_is_too_large_is_divided_and_one_row_that_is_too_large_is_refused(
    proxy: "Proxy", tmp_path: Path
) -> None:
    most = 2000
    proxy.rule = lambda _method, _path, _headers, body: (413, b"Payload too large") if len(body) > most else None
    store = store_on(proxy.url, tmp_path)
    store.write("video", SPACE, rows(range(200)))
    assert len(store.read("video", SPACE)) == 200
    most = 10
    with pytest.raises(StoreError, match="too large"):
        store.write("video", SPACE, rows(range(200, 203)))
    store.close()


def test_the_size_of_a_request_stays_under_the_limit_of_the_server(proxy: "Proxy", tmp_path: Path) -> None:
    sizes: list[int] = []
    proxy.rule = lambda _method, _path, _headers, body: sizes.append(len(body))
    long = replace(SPACE, dimension=20_000)
    store = store_on(proxy.url, tmp_path)
    count = 200
    vectors = np.random.default_rng(0).normal(size=(count, long.dimension)).astype(np.float32)
    store.write("video", long, replace(rows(range(count)), vectors=vectors))
    assert count * long.dimension * 4 > max(sizes)
    assert max(sizes) <= 9 << 20
    assert store.count("video", long) == count
    store.delete()
    store.close()


def test_a_server_that_stays_silent_is_given_up_after_the_time_limit(proxy: "Proxy", tmp_path: Path) -> None:
    done = threading.Event()

    def silent(*_: object) -> tuple[int, bytes]:
        done.wait()
        return 503, b""

    proxy.rule = silent
    store = store_on(proxy.url, tmp_path, store__read_timeout=0.5)
    try:
        with pytest.raises(StoreUnreachable, match=r"0\.5 seconds"):
            store.write("video", SPACE, rows(range(3)))
    finally:
        done.set()
        store.close()


def test_a_server_that_lost_the_database_is_not_filled_anew_without_being_asked(
    chroma_server: "ChromaServer", clip: Path, library: Path, run: Run, tmp_path: Path
) -> None:
    run("ingest", clip, "--store", chroma_server.url)
    before = contents(library)
    assert run("search", "--image", _picture(tmp_path), "-k", "1").code == 0
    with open_library(library) as opened:
        assert isinstance(opened.store, ServerStore)
        opened.store.delete()
    answer = run("ingest", write_clip(tmp_path / "other.mp4", pictures(3)))
    assert is_one_line(answer, "does not have the vectors")
    assert run("videos", "check").code == 1
    assert run("videos", "check", "--repair").code == 0
    assert is_same(contents(library), before)


def test_a_damaged_file_that_names_the_server_is_reported(
    chroma_server: "ChromaServer", clip: Path, library: Path, run: Run
) -> None:
    run("ingest", clip, "--store", chroma_server.url)
    location = (library / FILE).read_text()
    for damaged in ("", "{}", location.replace("http:", "gopher:"), location.replace("store/1", "store/9")):
        (library / FILE).write_text(damaged)
        assert is_one_line(run("videos", "check"), FILE)


def test_a_server_killed_during_ingest_costs_nothing(
    tmp_path: Path, library: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chroma import serving

    film = write_clip(tmp_path / "film.mp4", pictures(150))
    monkeypatch.setenv("REELWEAVE_INGEST__BATCH", "10")
    monkeypatch.setenv("REELWEAVE_STORE__RETRY_SECONDS", "0.5")
    with serving(tmp_path / "server") as server:
        ingest = ("ingest", film, "--store", server.url, "--json")
        with started(*ingest, slow=True) as process:
            wait_until(lambda: frames_stored(library) >= 20 or process.poll() is not None)
            server.kill()
            out, err = process.communicate()
        assert process.returncode == 1, err
        assert "cannot be reached" in out + err
        assert "Traceback" not in err
        kept = frames_stored(library)
        assert 20 <= kept < 150
        assert is_one_line(run("videos", "check"), "cannot be reached")
        server.start()
        (row,) = run(*ingest).rows
        assert row["state"] == "resume"
        assert run("videos", "check").code == 0
        assert contents(library) == embedded(tmp_path / "embedded", film, run)
        assert len(run("videos", "list", "--json").rows) == 1


def test_an_ingest_waits_for_a_server_that_is_restarted(tmp_path: Path, library: Path, run: Run) -> None:
    from chroma import serving

    film = write_clip(tmp_path / "film.mp4", pictures(100))
    with serving(tmp_path / "server") as server:
        patient = {"REELWEAVE_INGEST__BATCH": 10, "REELWEAVE_STORE__RETRY_SECONDS": 600}
        with started("ingest", film, "--store", server.url, slow=True, **patient) as process:
            wait_until(lambda: frames_stored(library) >= 20 or process.poll() is not None)
            server.kill()
            server.start()
            _, err = process.communicate()
        assert process.returncode == 0, err
        assert contents(library) == embedded(tmp_path / "embedded", film, run)


def test_an_ingest_killed_with_its_server_resumes(tmp_path: Path, library: Path, run: Run) -> None:
    from chroma import serving

    film = write_clip(tmp_path / "film.mp4", pictures(100))
    with serving(tmp_path / "server") as server:
        with started("ingest", film, "--store", server.url, slow=True, REELWEAVE_INGEST__BATCH=10) as process:
            wait_until(lambda: frames_stored(library) >= 20 or process.poll() is not None)
            process.kill()
            server.kill()
        server.start()
        assert run("ingest", film).code == 0
        assert contents(library) == embedded(tmp_path / "embedded", film, run)


def test_doctor_tries_the_server(proxy: "Proxy", clip: Path, library: Path, run: Run) -> None:
    def checked(*options: object) -> dict[str, Any]:
        return next(row for row in run("doctor", "--json", *options).rows if row["name"] == "server")

    assert all(row["name"] != "server" for row in run("doctor", "--json").rows)
    assert "first ingest" in checked("--store", proxy.url)["detail"]
    run("ingest", clip, "--store", proxy.url)
    before = contents(library)
    assert (checked()["ok"], "written" in checked()["detail"]) == (True, True)
    proxy.rule = lambda method, path, *_: (
        (403, b"") if (method, path.endswith("/collections")) == ("POST", True) else None
    )
    assert (checked()["ok"], "not written" in checked()["detail"]) == (True, True)
    proxy.rule = lambda *_: (401, b"")
    assert (checked()["ok"], "refused the token" in checked()["detail"]) == (False, True)
    proxy.rule = lambda *_: None
    assert contents(library) == before


def test_a_full_disk_of_the_server_is_named_and_nothing_is_lost(
    tmp_path: Path, library: Path, clip: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chroma import serving

    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with serving(disk / "server", tmp_path / "log") as server:
            assert run("ingest", clip, "--store", server.url).code == 0
            before = contents(library)
            (disk / "ballast").write_bytes(bytes(_free(disk)))
            other = write_clip(tmp_path / "other.mp4", pictures(40))
            answer = run("ingest", other)
            assert is_one_line(answer, "no space left")
            assert {video: found for video, found in contents(library).items() if video in before} == before
            (disk / "ballast").unlink()
            # Chroma sometimes answers no more after that, until it is started again.
            server.kill()
            server.start()
            assert run("ingest", other).code == 0
            assert run("videos", "check").code == 0
            assert len(contents(library)) == 2
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _free(disk: Path) -> int:
    return shutil.disk_usage(disk).free


def test_an_https_server_is_checked_against_the_given_certificates(
    chroma_server: "ChromaServer", clip: Path, library: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from chroma import proxying

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make a certificate")
    subprocess.run(["openssl", *made, *subject, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with proxying(chroma_server.url, context) as proxy:
        assert proxy.url.startswith("https://")
        answer = run("ingest", clip, "--store", proxy.url)
        assert is_one_line(answer, "cannot be reached")
        assert "store.ca_file" in answer.err
        monkeypatch.setenv("REELWEAVE_STORE__CA_FILE", str(certificate))
        assert run("ingest", clip, "--store", proxy.url).code == 0
        monkeypatch.setenv("REELWEAVE_STORE__CA_FILE", str(clip))
        assert run("videos", "check").code == 2


def test_more_collections_than_are_listed_at_once_are_all_found(
    chroma_server: "ChromaServer", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelweave.index import server

    monkeypatch.setattr(server, "_COLLECTIONS_PAGE", 3)
    store = store_on(chroma_server.url, tmp_path)
    for number in range(8):
        store.write(f"video{number}", SPACE, rows(range(2)))
        store.describe(f"video{number}", SPACE, "record")
    assert sorted(store.described()) == [f"video{number}.appearance" for number in range(8)]
    assert sorted(store.generations().values()) == list(range(1, 9))
    store.delete()
    store.close()


def test_a_tenant_of_its_own_is_created(chroma_server: "ChromaServer", tmp_path: Path) -> None:
    store = store_on(chroma_server.url, tmp_path, store__tenant="archive-team", store__database="vectors")
    store.write("video", SPACE, rows(range(2)))
    assert httpx.get(f"{chroma_server.url}/api/v2/tenants/archive-team/databases/vectors").is_success
    store.delete()
    store.close()


# Moving


def test_a_library_is_moved_to_a_server_and_back(
    chroma_server: "ChromaServer", full: Path, clip: Path, run: Run, tmp_path: Path
) -> None:
    assert run("ingest", write_clip(tmp_path / "other.mp4", pictures(3))).code == 0
    before = contents(full)
    rows = run("videos", "move", chroma_server.url, "--json").rows
    assert [(row["frames"], row["state"]) for row in rows] == [(12, "moved"), (3, "moved")]
    assert not (full / "chroma").exists()
    assert is_same(contents(full), before)
    assert run("videos", "check").code == 0
    location = read_location(full / FILE)
    assert location is not None
    assert len(run("videos", "move", "folder", "--json").rows) == 2
    assert not list(full.glob("store*.json"))
    assert is_same(contents(full), before)
    assert [row["state"] for row in run("ingest", clip, "--json").rows] == ["unchanged"]
    assert httpx.get(f"{chroma_server.url}/api/v2/tenants/{location.tenant}/databases/{location.database}").is_error


@pytest.mark.parametrize("back", [False, True], ids=["to the server", "to the folder"])
def test_an_interrupted_move_changes_nothing_and_is_continued(
    chroma_server: "ChromaServer", full: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    run("ingest", write_clip(tmp_path / "other.mp4", pictures(3)))
    before, target = contents(full), "folder" if back else chroma_server.url
    if back:
        run("videos", "move", chroma_server.url)
    target_store = ChromaStore if back else ServerStore
    with monkeypatch.context() as dying:
        honest = target_store.write

        def write(store: Any, video: str, space: Any, rows: Any) -> None:
            if video.startswith("other"):
                raise KeyboardInterrupt
            honest(store, video, space, rows)

        dying.setattr(target_store, "write", write)
        assert run("videos", "move", target).code == 130
    assert is_same(contents(full), before)
    assert run("videos", "check").code == 0
    assert [row["state"] for row in run("videos", "move", target, "--json").rows] == ["there", "moved"]
    assert is_same(contents(full), before)
    assert run("videos", "move", target, "--json").rows == []


def test_a_move_killed_before_the_old_store_is_deleted_is_finished_by_the_same_command(
    chroma_server: "ChromaServer", full: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelweave.index import move

    before, switch = contents(full), move._switch

    def die_after_switching(*arguments: Any) -> None:
        switch(*arguments)
        raise KeyboardInterrupt

    for target in (f"{chroma_server.url}/", "folder"):
        with monkeypatch.context() as dying:
            dying.setattr(move, "_switch", die_after_switching)
            assert run("videos", "move", target).code == 130
        assert is_same(contents(full), before)
        assert run("videos", "move", target).code == 0
        assert (full / "chroma").exists() == (target == "folder")
        assert not (full / "store-last.json").exists()
        assert is_same(contents(full), before)


def test_a_store_that_is_in_use_is_not_taken_for_the_old_one(
    chroma_server: "ChromaServer", full: Path, run: Run
) -> None:
    before = contents(full)
    assert run("videos", "move", chroma_server.url).code == 0
    # As left by a move that was killed after it had noted the old store, and before it switched.
    shutil.copy(full / "store.json", full / "store-last.json")
    assert run("videos", "move", chroma_server.url).code == 0
    assert is_same(contents(full), before)
    assert not (full / "store-last.json").exists()


def test_vectors_that_change_on_the_way_are_not_moved(
    chroma_server: "ChromaServer", full: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(full)
    with monkeypatch.context() as losing:
        honest = ServerStore.read
        losing.setattr(ServerStore, "read", lambda *arguments: honest(*arguments).part(slice(1, None)))
        assert is_one_line(run("videos", "move", chroma_server.url), "differs from the original")
    assert contents(full) == before


@pytest.mark.parametrize("target", ["somewhere", "http://user:secret@host:8000", ""])
def test_only_a_server_or_the_folder_is_a_target(full: Path, run: Run, target: str) -> None:
    assert run("videos", "move", target).code == 2


# Other machines


_READER = """
import json, sys
from reelweave.commands.options import settings_from
from reelweave.progress import SILENT
from reelweave.search.finder import open_finder
from reelweave.search.question import Question
from pathlib import Path
with open_finder(settings_from(Path(sys.argv[1])), SILENT) as finder:
    for picture in sys.stdin:
        hits = finder.ask(Question(image=Path(picture.strip()), count=3)).hits
        print(json.dumps([(hit.video, round(hit.score, 3)) for hit in hits]), flush=True)
"""


def test_another_machine_finds_a_video_as_soon_as_it_is_ingested(
    chroma_server: "ChromaServer", clip: Path, library: Path, run: Run, tmp_path: Path
) -> None:
    other = write_clip(tmp_path / "other.mp4", pictures(20)[12:])
    first, second = _frame(clip, 3, tmp_path / "first.png"), _frame(other, 3, tmp_path / "second.png")
    assert in_a_process("ingest", clip, "--space", "appearance", "--store", chroma_server.url).code == 0
    with subprocess.Popen(
        [sys.executable, "-c", _READER, str(library)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        try:
            assert next(video for video, _ in _ask(reader, second)).startswith("clip-")
            assert in_a_process("ingest", other, "--space", "appearance").code == 0
            (best, score), *_ = _ask(reader, second)
            assert best.startswith("other-")
            assert score > 0.99
            assert _ask(reader, first)[0][0].startswith("clip-")
        finally:
            reader.kill()


def _frame(film: Path, number: int, picture: Path) -> Path:
    import cv2

    video = cv2.VideoCapture(str(film))
    for _ in range(number + 1):
        _, found = video.read()
    video.release()
    cv2.imwrite(str(picture), found)
    return picture


def _ask(reader: "subprocess.Popen[str]", picture: Path) -> list[tuple[str, float]]:
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(f"{picture}\n")
    reader.stdin.flush()
    return [tuple(row) for row in json.loads(reader.stdout.readline())]


def test_a_copy_of_an_older_generation_is_not_searched(
    chroma_server: "ChromaServer", clip: Path, library: Path, run: Run, tmp_path: Path
) -> None:
    """As on a machine whose copy of the catalog is older than the vectors."""
    run("ingest", clip, "--store", chroma_server.url)
    picture = _frame(clip, 3, tmp_path / "frame.png")
    assert run("search", "--image", picture, "--json").code == 0
    (file,) = (library / "cache").glob("*.rows")
    before = file.read_bytes()
    with open_library(library) as opened:
        (video,) = opened.catalog.videos()
        state = opened.catalog.spaces(video.id)["appearance"]
        shifted = opened.store.read(video.id, state.space)
        opened.store.remove(video.id, "appearance")
        opened.store.write(video.id, state.space, replace(shifted, vectors=np.roll(shifted.vectors, 1, axis=0)))
        opened.describe(video, state)
    found = run("search", "--image", picture, "--json").rows[0]
    assert found["frame"] == 4
    assert file.read_bytes() != before


def test_a_read_only_folder_serves_readers(
    chroma_server: "ChromaServer", clip: Path, library: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelweave.index import manage

    run("ingest", clip, "--store", chroma_server.url)
    _deny(library, monkeypatch)
    assert run("search", "--image", _frame(clip, 3, tmp_path / "frame.png"), "--json").rows[0]["frame"] == 3
    assert run("solve", "clip").code == 0
    assert manage.check_videos(load()) != {}


def _deny(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder read-only, even for the superuser as far as the program asks."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    honest = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode, **options: False if mode == os.W_OK else honest(path, mode, **options)
    )
