"""The live page: who is answered what, and that a scan is seen to grow and never disturbed."""

import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape import hdf5
from landscape.errors import SurfaceFileError
from landscape.grid import Grid
from landscape.naming import numbered
from landscape.page.catalog import Shelf
from landscape.page.server import HOST, Server, usual_port
from landscape.surface import ARRAYS, Surface
from tests import inputs
from tests.browser import Tab
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


@pytest.mark.slow
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
    (status,) = shelf.index()
    assert (status["state"], status["done"], status["total"]) == ("stopped", 0, 6)
    writer = hdf5.SurfaceFile(path)
    (status,) = shelf.index()
    assert status["state"] == "running"
    for index in range(6):
        writer.put("loss", index, {"losses": 1.0 + index, "examples": 23}, seconds=1.0)
        writer.commit()
        (status,) = shelf.index()
        assert status["done"] == index + 1
    assert status["state"] == "running"
    writer.close()
    (status,) = shelf.index()
    assert (status["state"], status["note"]) == ("complete", "")
    np.testing.assert_array_equal(hdf5.load(path).losses.ravel(), np.arange(1.0, 7.0))


def test_a_folder_shows_what_can_be_drawn_and_what_comes_later(
    surface: Surface, tmp_path: Path
) -> None:
    surface.save(tmp_path / "sub" / "b.h5")
    inputs.no_surface(tmp_path / "c.h5")
    inputs.original_surface(tmp_path / "e.h5")
    (tmp_path / "d.txt").write_text("no surface")
    shelf = Shelf([tmp_path])
    states = [(status["id"], status["state"]) for status in shelf.index()]
    assert states == [("sub/b", "complete"), ("c", "damaged")]
    surface.save(tmp_path / "a.h5")
    assert {status["id"] for status in shelf.index()} == {"sub/b", "a", "c"}
    assert shelf.content("c") is None


def test_missing_files_are_waited_for_when_asked(surface: Surface, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(SurfaceFileError, match="no such file"):
        Shelf([path])
    shelf = Shelf([path], wait=True)
    (status,) = shelf.index()
    assert (status["state"], status["version"]) == ("waiting", "")
    surface.save(path)
    (status,) = shelf.index()
    assert status["state"] == "complete"
    path.unlink()
    assert shelf.index()[0]["name"] == "mlp"  # as it was last seen


def test_the_same_surfaces_have_the_same_port_if_it_is_free(file: Path, server: Server) -> None:
    assert server.server_port == usual_port([file])
    with Server(Shelf([file]), [file]) as other:
        assert other.server_port != server.server_port
    with pytest.raises(OSError, match="in use"):
        Server(Shelf([file]), [file], port=server.server_port)


def test_a_hundred_requests_at_once_are_answered(file: Path) -> None:
    with Server(Shelf([file]), [file]) as server:  # which does not accept any yet
        sockets = [socket.create_connection((HOST, server.server_port), 5) for _ in range(100)]
        thread = threading.Thread(target=server.run)
        thread.start()
        for each in sockets:
            each.settimeout(20)
            each.sendall(b"GET /surface?id=mlp HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert [each.recv(12) for each in sockets] == [b"HTTP/1.0 200"] * 100
        for each in sockets:
            each.close()
        server.shutdown()
        thread.join()


def test_other_pages_cannot_frame_it(server: Server) -> None:
    for path in ("/", "/surface?id=mlp", "/nothing"):
        connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
        connection.request("GET", path)
        policy = connection.getresponse().getheader("Content-Security-Policy")
        assert policy == "frame-ancestors 'none'"


def test_streams_leave_connections_of_the_browser_for_answers(server: Server) -> None:
    streams = []
    for _ in range(9):
        connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
        connection.request("GET", "/events")
        streams.append(connection.getresponse())
        assert streams[-1].readline().startswith(b"data: [")
    for each in streams[:-3]:
        assert each.read() == b"\nevent: replaced\ndata: later\n\n"  # and it has ended
    assert [each.readline() for each in streams[-3:]] == [b"\n"] * 3
    assert get(server, "/")[0] == 200


@pytest.mark.browser
def test_ten_tabs_of_one_page_open_and_all_see_what_is_new(
    browser: Any, server: Server, file: Path, surface: Surface
) -> None:
    def until(page: Any, condition: str) -> None:
        end = time.monotonic() + 60
        while not page.evaluate(condition):
            assert time.monotonic() < end, condition
            page.wait_for_timeout(50)

    context = browser.new_context()
    context.set_default_timeout(60_000)
    pages = [context.new_page() for _ in range(10)]
    for page in pages:
        page.goto(server.address + "#view=heatmap", wait_until="commit")
    for page in pages:
        until(page, "globalThis.landscape?.surfaces()[0]?.name === 'mlp'")
    replace(surface, provenance={"name": "new"}).save(file, overwrite=True)
    for page in pages:
        until(page, "landscape.surfaces()[0].name === 'new'")
        assert page.locator("#message").is_hidden()
    context.close()


SCAN = """
import sys, time
import torch, torch.nn.functional as F
from tests.scans import scan
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(7, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
x, y = torch.randn(23, 7), torch.randint(3, (23,))
def slow(outputs, targets):
    time.sleep(float(sys.argv[2]))
    return F.cross_entropy(outputs, targets, reduction="none")
scan(net, slow, (x, y), points=9, path=sys.argv[1], name="growing", precision="float64")
"""


@pytest.mark.browser
def test_a_scan_is_seen_to_grow_through_a_kill_and_a_restart_of_the_viewer(
    browser: Any, tmp_path: Path
) -> None:
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
    known = "(landscape.surfaces()[0]?.evaluated.reduce((a, b) => a + b, 0) ?? 0)"
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
        assert viewer.wait(timeout=20) == 0  # the usual end
        tab.until("document.querySelector('#message').textContent.includes('Connection lost')")
        viewer, again = start_viewer()
        started.append(viewer)
        assert again == address
        tab.until("document.querySelector('#message').hidden")

        started.append(start_scan(0.02))
        tab.until(f"{known} === 81")
        assert started[-1].wait(timeout=60) == 0
        tab.until("document.querySelector('.panel progress').hidden")
        assert kept > 0
        losses = hdf5.load(path).losses.T
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


def test_surfaces_are_distinguished_by_names_that_are_all_different() -> None:
    for names in (["a", "b"], ["a", "a"], ["a", "a", "a (1)"], ["a (1)", "a", "a"], ["a"] * 4):
        different = numbered(names)
        assert len(set(different)) == len(names)
        for name, new in zip(names, different, strict=True):
            assert new.startswith(name)
            assert new == name or names.count(name) > 1


def test_a_folder_forgets_what_is_gone_and_knows_files_of_one_name(
    surface: Surface, tmp_path: Path
) -> None:
    shelf = Shelf([tmp_path / "later"], wait=True)  # a folder that is not there yet
    assert shelf.index() == []
    for name in ("a.h5", "a.hdf5", "b.h5"):
        surface.save(tmp_path / "later" / name)
    assert len(shelf.index()) == 3
    (tmp_path / "later" / "b.h5").unlink()
    assert len(shelf.index()) == 2
    assert len({status["name"] for status in shelf.index()}) == 2


def test_lines_among_surfaces_are_shown(surface: Surface, tmp_path: Path) -> None:
    flat = {name: getattr(surface, name).reshape(6, 1) for name in ARRAYS}
    replace(surface, grid=Grid.regular((6, 1)), **flat).save(tmp_path / "line.h5")
    surface.save(tmp_path / "a.h5")
    shelf = Shelf([tmp_path / "line.h5", tmp_path / "a.h5"])
    found = [(status["id"], status["shape"]) for status in shelf.index()]
    assert found == [("line", [6, 1]), ("a", [3, 2])]
    assert shelf.index()[0]["file"] == str(tmp_path / "line.h5")
    assert shelf.left_out == []
    assert shelf.content("line") is not None


def test_a_single_alpha_is_left_out_and_said(surface: Surface, tmp_path: Path) -> None:
    flat = {name: getattr(surface, name).reshape(1, 6) for name in ARRAYS}
    replace(surface, grid=Grid.regular((1, 6)), **flat).save(tmp_path / "line.h5")
    surface.save(tmp_path / "a.h5")
    shelf = Shelf([tmp_path / "line.h5", tmp_path / "a.h5"])
    assert [status["id"] for status in shelf.index()] == ["a"]
    assert "two points or more along alpha" in shelf.left_out[0]
    # One that comes while it is waited for is reported, not drawn.
    waiting = Shelf([tmp_path / "line.h5"], wait=True)
    (status,) = waiting.index()
    assert (status["state"], status["version"]) == ("damaged", "")
    assert "two points or more along alpha" in status["note"]
    assert waiting.content("line") is None


@pytest.mark.slow
def test_a_look_that_fails_does_not_end_the_watch(
    server: Server, file: Path, surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise MemoryError

    stream = server.open_stream()
    news = server.news(0, stream)
    assert news is not None
    with monkeypatch.context() as patch:
        patch.setattr(server._shelf, "index", fail)
        time.sleep(2.5)
    replace(surface, provenance={"name": "new"}).save(file, overwrite=True)
    later = server.news(news[0], stream)
    assert later is not None
    assert json.loads(later[1])[0]["name"] == "new"


def test_what_is_no_address_is_refused_without_a_word(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection((HOST, server.server_port)) as connection:
        connection.sendall(b"GET http://[x/ HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 400 " in connection.recv(100)
    with socket.create_connection((HOST, server.server_port)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.5)  # it has been reset
    assert get(server, "/")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_stream_ends_with_its_server(file: Path) -> None:
    server = Server(Shelf([file]), [file])
    thread = threading.Thread(target=server.run)
    thread.start()
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    assert answer.readline().startswith(b"data: [")
    server.shutdown()
    thread.join()
    answer.read()  # to the end
    connection.close()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_the_viewer_of_a_scan_ends_however_the_scan_ends(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, time; from pathlib import Path\n"
        "from landscape.commands.live import watched\n"
        "with watched([Path('-later.h5')]):\n"
        "    time.sleep(6); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "landscape.py").write_text("raise SystemExit('not this one')")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with socket.socket() as probe:
        probe.settimeout(1)
        result = subprocess.run(
            [sys.executable, "-P", "-c", script]
            if sys.version_info >= (3, 11)
            else [sys.executable, "-c", script],
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,  # the viewer has the other end of stderr until it ends
        )
        assert result.returncode == -signal.SIGKILL
        port = int(re.findall(r"http://127.0.0.1:([0-9]+)/", result.stderr)[0])
        with pytest.raises(ConnectionRefusedError):
            probe.connect((HOST, port))
