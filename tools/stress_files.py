"""Read damaged files with every reader, in processes with limits; print a table of what happens.

Usage: python tools/stress_files.py [INPUTS] [PROCESSES] [MINUTES]
"""

import json
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

from landscape.errors import LandscapeError
from tests.mutations import mutated, samples

_SECONDS = 90
_MEMORY = 2 << 30  # bytes in addition to those of the started process
_LARGE = 1 << 19  # kilobytes that reading one input may take


def work(start: int, inputs: int, step: int, results: str, until: float) -> None:
    """Read inputs ``start``, ``start + step``, …; append what happens to a file, a line each."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, also within C code
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + _MEMORY, resource.RLIM_INFINITY))
    with tempfile.TemporaryDirectory() as folder, Path(results).open("a") as lines:
        every = list(samples(Path(folder)).items())
        for number in range(start, inputs, step):
            if time.time() > until:
                break
            kind, sample = every[number // step % len(every)]
            path = Path(folder) / sample.name
            path.write_bytes(mutated(sample.content, np.random.default_rng(number)))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            lines.write(json.dumps([number, kind, "", ""]) + "\n")
            lines.flush()
            signal.alarm(_SECONDS)
            began = time.monotonic()
            what, note = "read", ""
            try:
                sample.read(path)
            except LandscapeError as error:
                what = "refused"
                note = "library ended" if "does not finish reading it" in str(error) else ""
            except Exception:
                what, note = "traceback", traceback.format_exc()
            signal.alarm(0)
            if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before > _LARGE:
                what = "memory"
            seconds = time.monotonic() - began
            lines.write(json.dumps([number, kind, what, note, seconds]) + "\n")


def main() -> None:
    """Run all inputs, and start a process again that one has ended."""
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    step = int(sys.argv[2]) if len(sys.argv) > 2 else multiprocessing.cpu_count()
    until = time.time() + 60 * float(sys.argv[3]) if len(sys.argv) > 3 else float("inf")
    context = multiprocessing.get_context("spawn")
    counts: Counter[tuple[str, str]] = Counter()
    slowest: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/{k}" for k in range(step)]
        starts = list(range(step))
        while True:
            processes = [
                context.Process(target=work, args=(starts[k], inputs, step, files[k], until))
                for k in range(step)
                if starts[k] < inputs
            ]
            if not processes:
                break
            for process in processes:
                process.start()
            for process in processes:
                process.join()
            for k, file in enumerate(files):
                last = json.loads(Path(file).read_text().splitlines()[-1])
                if last[2] == "" and last[0] >= starts[k]:
                    starts[k] = last[0] + step
                    with Path(file).open("a") as lines:
                        lines.write(json.dumps([last[0], last[1], "hang", "", _SECONDS]) + "\n")
                else:
                    starts[k] = inputs
        for file in files:
            for line in Path(file).read_text().splitlines():
                number, kind, what, note, *seconds = json.loads(line)
                if what:
                    counts[kind, what] += 1
                    counts[kind, "inputs"] += 1
                    counts[kind, note] += note == "library ended"
                    slowest[kind] = max(slowest[kind], round(seconds[0]))
                if what in {"traceback", "memory", "hang"}:
                    sys.stderr.write(f"{number} {kind}: {what}\n{note}\n")
    columns = ("inputs", "refused", "read", "traceback", "hang", "memory", "library ended")
    write = sys.stdout.write
    write(f"| file | {' | '.join(columns)} | slowest, s |\n|---|{'---|' * (len(columns) + 1)}\n")
    for kind in dict.fromkeys(kind for kind, _ in counts):
        numbers = " | ".join(f"{counts[kind, column]:,}" for column in columns)
        write(f"| {kind} | {numbers} | {slowest[kind]} |\n")


if __name__ == "__main__":
    main()
