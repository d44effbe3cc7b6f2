"""The product and its peers side by side on the same scrambled files: python bench/order.py CLIPS

Every clip is cut to each length, encoded again and tried as it is (`ordered`), shuffled (`clean`), and shuffled
with 5 % foreign frames from the other clips, one by one (`foreign`) or five together (`bursts`). Each run is a
process of its own and one line of the JSON file; a bench that was stopped goes on where it was. `bench/table.py`
prints the file again.
"""

import argparse
import os
import platform
import sys
from datetime import date
from pathlib import Path
from typing import Any

from cases import KINDS, cases, clips_in, read_split
from limits import Limits
from methods import PEERS, PEERS_FOLDER, chosen_methods, chosen_peers
from results import ResultsFile
from runner import Bench, run_all
from table import report

from reelweave.errors import ReelweaveError
from reelweave.ingest.workers import open_engine
from reelweave.progress import SILENT
from reelweave.settings import load


def _machine(chosen: argparse.Namespace) -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": str(date.today()),
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "jobs": chosen.jobs,
        "threads": chosen.threads,
        "limits": {"seconds": chosen.time_limit, "megabytes": chosen.memory_limit},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("folder", type=Path, metavar="CLIPS")
    add("--frames", type=int, nargs="+", default=[100, 300, 0], help="lengths; 0 is all of a clip")
    add("--crf", type=int, nargs="+", default=[18, 23], help="x264 qualities; 28 is a hard one")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    add("--clips", nargs="+", default=[], metavar="NAME", help="only these, with or without their endings")
    add("--methods", nargs="*", default=["reelweave", "thorough"], metavar="METHOD", help="see bench/methods.py")
    add("--peers", nargs="*", default=list(PEERS), metavar="PEER", help="none, or some of: " + ", ".join(PEERS))
    add("--peers-folder", type=Path, default=PEERS_FOLDER, help="what bench/peers/setup.py made")
    add("--json", type=Path, default=Path(".bench/order.jsonl"), help="where results are kept")
    add("--work", type=Path, default=Path(".bench/work"), help="room for scrambled videos, one at a time and job")
    add("--jobs", type=int, default=1, help="cases at a time; more than one makes seconds incomparable")
    add(
        "--engine",
        default="local",
        help="ray or ray://HOST:PORT: workers of a cluster run the cases",
    )
    add("--threads", type=int, default=1, help="threads of numeric libraries in each run")
    add("--time-limit", type=float, default=900, help="seconds a run may take")
    add("--memory-limit", type=float, default=8000, help="megabytes a run may take")
    add("--pictures", action="store_true", help="also render ours and score the pictures")
    add("--retry", action="store_true", help="try again what failed")
    return parser


def _run(chosen: argparse.Namespace) -> str:
    clips = clips_in(chosen.folder, chosen.clips)
    tried = [clip for clip in clips if not chosen.clips or {clip.path.stem, clip.path.name} & set(chosen.clips)]
    methods = chosen_methods(chosen.methods) + chosen_peers(chosen.peers, chosen.peers_folder)
    limits = Limits(chosen.time_limit, chosen.memory_limit)
    bench = Bench(ResultsFile(chosen.json), clips, chosen.work.resolve(), limits, chosen.threads, chosen.pictures)
    bench.file.add({"machine": _machine(chosen)})
    todo = list(cases(tried, chosen.frames, chosen.crf, chosen.seeds, chosen.kinds))
    with open_engine(load({"engine.name": chosen.engine}), SILENT) as engine:
        run_all(bench, todo, methods, chosen.jobs, chosen.retry, None if chosen.engine == "local" else engine)
    return report(bench.file.contents(), read_split(), chosen.frames)


def main() -> None:
    try:
        print(_run(_parser().parse_args()))
    except ReelweaveError as failed:
        sys.exit(f"{failed}")
    except (KeyboardInterrupt, InterruptedError):
        sys.exit(130)


if __name__ == "__main__":
    main()
