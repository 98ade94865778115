"""The live page: who is answered what, and that a scan is seen to grow and never disturbed."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape import store
from landscape.errors import SurfaceFileError
from landscape.interactive.server import HOST, Server, usual_port
from landscape.interactive.shelf import Shelf
from landscape.surface import Surface
from tests.browser import Tab, chromium
from tests.conftest import ROOT


@pytest.fixture
def file(surface: Surface, tmp_path: Path) -> Path:
    surface.save(tmp_path / "mlp.h5")
    return tmp_path / "mlp.h5"


@pytest.fixture
def server(file: Path) -> Iterator[Server]:
    with Server(Shelf([file]), [file]) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server: Server, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_it_answers_this_machine_alone(server: Server) -> None:
    port = server.server_port
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/")[0] == 200
    assert get(server, "/", Host=f"localhost:{port}")[0] == 200
    assert get(server, "/", Host="localhost:8000")[0] == 200  # the other end of a tunnel
    for host in (
        "evil.example",
        f"evil.example:{port}",
        f"localhost.evil.example:{port}",
        f"127.0.0.1.evil.example:{port}",
        f"evil@127.0.0.1:{port}",
        f"127.0.0.1:{port}.x",
        "",
    ):
        for path in ("/", "/surface?id=mlp", "/events"):
            status, text = get(server, path, Host=host)
            assert status == 403
            assert "losses" not in text


@pytest.mark.parametrize(
    "path",
    [
        "/../mlp.h5",
        "/%2e%2e/mlp.h5",
        "/mlp.h5",
        "/static/main.js",
        "//etc/passwd",
        "/surface",
        "/surface?id=",
        "/surface?id=other",
        "/surface?id=../mlp",
        "/surface?id=/etc/passwd",
        "/surface?id=mlp%00",
        "/surface/",
    ],
)
def test_nothing_but_the_surfaces_is_reachable(server: Server, path: str) -> None:
    status, text = get(server, path)
    assert status == 404
    assert "losses" not in text
    assert "root:" not in text


def test_it_gives_the_page_and_the_surface(server: Server, surface: Surface) -> None:
    status, text = get(server, "/surface?id=mlp")
    assert status == 200
    assert json.loads(text)["name"] == "mlp"
    status, text = get(server, "/")
    assert '"live":true' in text
    assert "connect-src 'self'" in text


def test_it_changes_nothing(server: Server, file: Path) -> None:
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
    before = file.read_bytes(), file.stat().st_mtime_ns
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        connection.request(method, "/surface?id=mlp", body=b"x")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 501
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_news_come_when_a_point_arrives_and_the_writer_is_not_disturbed(
    surface: Surface, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    replace(surface, evaluated=np.zeros((3, 2), dtype=bool)).save(path)
    shelf = Shelf([path])
    (told,) = shelf.index()
    assert (told["state"], told["done"], told["total"]) == ("stopped", 0, 6)
    writer = store.Writer(path)
    (told,) = shelf.index()
    assert told["state"] == "running"
    for index in range(6):
        writer.put(index, (1.0 + index, 0.5, 0.1), 23)
        writer.commit()
        (told,) = shelf.index()
        assert told["done"] == index + 1
    assert told["state"] == "running"
    writer.close()
    (told,) = shelf.index()
    assert (told["state"], told["note"]) == ("complete", "")
    np.testing.assert_array_equal(store.load(path).losses.ravel(), np.arange(1.0, 7.0))


def test_a_folder_shows_what_can_be_drawn_and_what_comes_later(
    surface: Surface, tmp_path: Path
) -> None:
    surface.save(tmp_path / "sub" / "b.h5")
    (tmp_path / "c.h5").write_bytes(b"no surface")
    (tmp_path / "d.txt").write_text("no surface")
    shelf = Shelf([tmp_path])
    assert [told["id"] for told in shelf.index()] == ["sub/b"]
    surface.save(tmp_path / "a.h5")
    assert {told["id"] for told in shelf.index()} == {"sub/b", "a"}
    assert shelf.content("c") is None


def test_files_that_are_not_there_are_waited_for_when_asked(
    surface: Surface, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(SurfaceFileError, match="no such file"):
        Shelf([path])
    shelf = Shelf([path], wait=True)
    (told,) = shelf.index()
    assert (told["state"], told["version"]) == ("waiting", "")
    surface.save(path)
    (told,) = shelf.index()
    assert told["state"] == "complete"
    path.unlink()
    assert shelf.index()[0]["name"] == "mlp"  # as it was last seen


def test_the_same_surfaces_have_the_same_port_if_it_is_free(file: Path, server: Server) -> None:
    assert server.server_port == usual_port([file])
    with Server(Shelf([file]), [file]) as other:
        assert other.server_port != server.server_port
    with pytest.raises(OSError, match="in use"):
        Server(Shelf([file]), [file], port=server.server_port)


SCAN = """
import sys, time
import torch, torch.nn.functional as F
from landscape.scanning import scan
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(7, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
x, y = torch.randn(23, 7), torch.randint(3, (23,))
def slow(outputs, targets):
    time.sleep(float(sys.argv[2]))
    return F.cross_entropy(outputs, targets, reduction="none")
scan(net, slow, (x, y), points=9, path=sys.argv[1], name="growing", precision="float64")
"""


@pytest.mark.browser
def test_a_scan_is_seen_to_grow_through_a_kill_and_a_restart_of_the_viewer(tmp_path: Path) -> None:
    path = tmp_path / "growing.h5"
    script = tmp_path / "scan.py"
    script.write_text(SCAN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def start_scan(seconds: float) -> "subprocess.Popen[str]":
        command = [sys.executable, str(script), str(path), str(seconds)]
        return subprocess.Popen(command, env=environment, text=True)

    def start_viewer() -> tuple["subprocess.Popen[str]", str]:
        command = [sys.executable, "-m", "landscape", "view", str(path), "--wait", "--no-open"]
        viewer = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert viewer.stdout is not None
        return viewer, viewer.stdout.readline().strip()

    started: list[Any] = []
    done = "Number(document.querySelector('.panel progress').value)"
    known = "landscape.surfaces()[0]?.evaluated.reduce((a, b) => a + b, 0) ?? 0"
    with chromium() as browser:
        try:
            viewer, address = start_viewer()
            started.append(viewer)
            tab = Tab(browser, address + "#view=heatmap")
            assert "waiting" in str(tab.page.text_content(".panel .note"))
            started.append(start_scan(0.15))
            tab.until(f"{known} >= 2")
            seen = tab.get(known)
            tab.until(f"{known} > {seen}")  # points arrive
            tab.until("document.querySelector('.panel .note').textContent.includes('left')")
            started[-1].kill()
            started[-1].wait()
            tab.until("document.querySelector('.panel .note').textContent.includes('stopped')")
            assert tab.get(done) < 81
            kept = tab.get(known)

            viewer.send_signal(signal.SIGINT)
            assert viewer.wait(timeout=20) == 0  # the usual way to end it
            tab.until("document.querySelector('#message').textContent.includes('has ended')")
            viewer, again = start_viewer()
            started.append(viewer)
            assert again == address
            tab.until("document.querySelector('#message').hidden")

            started.append(start_scan(0.02))
            tab.until(f"{known} === 81")
            assert started[-1].wait(timeout=60) == 0
            tab.until("document.querySelector('.panel progress').hidden")
            assert kept > 0
            losses = store.load(path).losses.T
            heights = np.log10(losses) if tab.page.is_checked("input[value=log]") else losses
            np.testing.assert_allclose(tab.trace("growing")["z"], heights, rtol=1e-6)
            assert [text for text in tab.complaints if "ERR_CONNECTION" not in text] == []
            tab.close()
        finally:
            for process in started:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()
