"""Files appear complete or not at all, their names are durable, and killed processes leave none."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landscape import atomic
from landscape.surface import Surface
from tests.conftest import ROOT

HOLD = """
import sys, time
from pathlib import Path
from landscape.atomic import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("written", flush=True)
    time.sleep(600)
"""


def held(path: Path) -> "subprocess.Popen[str]":
    """A process that is writing a file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def put(path: Path, text: str) -> None:
    with atomic.replacing(path) as temporary:
        temporary.write_text(text)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_temporary_files_of_dead_processes_alone_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "a[1].txt"
    dead, living = held(path), held(path)
    other = tmp_path / f".{path.name}.00000000.{dead.pid}.tmp"  # of another machine
    other.touch()
    try:
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert len(list(tmp_path.iterdir())) == 3
        put(path, "whole")
        left = {each.name for each in tmp_path.iterdir()} - {path.name, other.name}
        assert [name.split(".")[-2] for name in left] == [str(living.pid)]
        assert path.read_text() == "whole"
    finally:
        living.kill()
        living.wait()
        for process in (dead, living):
            assert process.stdout is not None
            process.stdout.close()


def test_names_are_made_durable_after_a_file_has_got_its_own(
    tmp_path: Path, surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, list[str]]] = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if place.is_dir():
            names = sorted(each.name for each in place.iterdir() if each.name[0] != ".")
            synced.append((place.name, names))
        fsync(descriptor)

    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc")
    monkeypatch.setattr(os, "fsync", spy)
    folder = tmp_path / "new" / "folder"
    surface.save(folder / "a.h5")
    assert (tmp_path.name, ["new"]) in synced
    assert ("new", ["folder"]) in synced
    assert synced[-1] == ("folder", ["a.h5"])
    surface.save(folder / "a.h5", overwrite=True)
    assert len(synced) == 4
    put(folder / "b.txt", "b")
    assert synced[-1] == ("folder", ["a.h5", "b.txt"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mounts")
def test_a_full_disk_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small file system")
    try:
        put(small / "a.txt", "a" * 30_000)
        with pytest.raises(OSError, match="No space left") as caught:
            put(small / "a.txt", "b" * 50_000)
        assert caught.value.filename == str(small / "a.txt")
        assert (small / "a.txt").read_text() == "a" * 30_000
        assert [each.name for each in small.iterdir()] == ["a.txt"]
    finally:
        time.sleep(0.1)
        subprocess.run(["umount", str(small)], check=True)
