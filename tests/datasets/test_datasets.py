import gzip
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from landscape import datasets
from landscape.commands.messages import with_options
from landscape.datasets.cifar import _cifar_reader
from landscape.datasets.dataset import Dataset
from landscape.datasets.download import Reader, Remote
from landscape.datasets.mnist import _idx_set
from landscape.datasets.preprocessing import Preprocessing
from landscape.errors import DataError, UserCodeError
from tests import inputs


def test_digits_are_scikit_learns() -> None:
    whole = datasets.load("digits", "all")
    reference = load_digits()
    order = np.concatenate([np.flatnonzero(np.arange(1797) % 5 != 4), np.arange(4, 1797, 5)])
    np.testing.assert_array_equal(whole.x[:, 0].numpy() * 16, reference.images[order])
    np.testing.assert_array_equal(whole.y.numpy(), reference.target[order])
    assert (len(datasets.load("digits").x), len(datasets.load("digits", "test").x)) == (1438, 359)
    assert whole.num_classes == 10


def test_digits_are_standardized() -> None:
    digits = datasets.load("digits")
    assert digits.preprocessing is not None
    x = digits.preprocessing(digits.x)
    assert abs(x.mean()) < 1e-3
    assert abs(x.std() - 1) < 1e-3


def test_first_images() -> None:
    digits = datasets.load("digits")
    assert torch.equal(digits.first(7).x, digits.x[:7])
    assert digits.first(None) is digits
    for num in (0, 1439):
        with pytest.raises(DataError, match="it has 1438"):
            digits.first(num)


def test_preprocessing_is_per_channel_on_pixels_from_0_to_1() -> None:
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    expected = torch.tensor([(0 - 0.1) / 0.5, (0.2 - 0.2) / 2, (1 - 0.3) / 1]).view(1, 3, 1, 1)
    made = Preprocessing((0.1, 0.2, 0.3), (0.5, 2.0, 1.0))
    torch.testing.assert_close(made(pixels), expected, atol=1e-7, rtol=1e-6)
    torch.testing.assert_close(made(pixels.float() / 255), expected, atol=1e-7, rtol=1e-6)
    assert Preprocessing.parse(str(made)) == made
    with pytest.raises(DataError, match="3 means and 3 standard deviations, the images have 1"):
        made(pixels[:, :1])


def test_named_preprocessings() -> None:
    assert Preprocessing.parse("paper").mean[0] == pytest.approx(125.3 / 255)
    assert Preprocessing.parse("imagenet").std == (0.229, 0.224, 0.225)
    assert torch.equal(
        Preprocessing.parse("none")(torch.full((1, 2, 1), 51, dtype=torch.uint8)),
        torch.full((1, 2, 1), 0.2),
    )
    for text in ("papers", "0.5", "0.5/0", "0.5/-1", "a/b", "0.5/nan", "1/2/3"):
        with pytest.raises(ValueError, match="preprocessing must be one of"):
            Preprocessing.parse(text)


# Small archives in the official layouts; their checksums stand in for the official ones.


def python2_pickle(images: np.ndarray[Any, Any], labels: list[int], key: str) -> bytes:
    """A batch as Python 2 pickled it, opcode by opcode: byte strings, numpy's old names."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + number(0) + b"\x85"
    empty += text(b"b") + b"tR"
    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + number(0) + number(1) + b"tR"
    dtype += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    shape = b"(" + b"".join(map(number, images.shape)) + b"t"
    array = empty + b"(" + number(1) + shape + dtype + b"I00\n" + text(images.tobytes()) + b"tb"
    listed = b"](" + b"".join(map(number, labels)) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(key.encode()) + listed + b"u."


@pytest.fixture
def cifar(tmp_path: Path) -> tuple[Reader, dict[str, bytes], np.ndarray[Any, Any]]:
    images = np.random.default_rng(0).integers(0, 256, (6, 3072), dtype=np.uint8)
    files = {
        "data_batch_1": python2_pickle(images[:2], [3, 1], "labels"),
        "data_batch_2": python2_pickle(images[2:5], [4, 1, 5], "labels"),
        "test_batch": python2_pickle(images[5:], [9], "labels"),
    }
    md5s = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    reader = _cifar_reader(
        Remote("http://127.0.0.1:9/cifar.tar.gz", "0" * 32),
        "batches",
        {
            "train": {n: md5s[n] for n in ("data_batch_1", "data_batch_2")},
            "test": {"test_batch": md5s["test_batch"]},
        },
        "labels",
    )
    return reader, files, images


def pack(path: Path, files: dict[str, bytes], folder: str = "batches") -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_cifar_as_an_archive_packed_again_and_unpacked(cifar: Any, tmp_path: Path) -> None:
    reader, files, images = cifar
    pack(tmp_path / "cifar.tar.gz", dict(reversed(files.items())))
    archived = reader("train", tmp_path)
    np.testing.assert_array_equal(archived[0].reshape(5, -1), images[:5])
    assert archived[0].shape == (5, 3, 32, 32)
    assert archived[1].tolist() == [3, 1, 4, 1, 5]
    folder = tmp_path / "other" / "batches"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    np.testing.assert_array_equal(reader("train", folder.parent)[0], archived[0])
    assert reader("test", folder.parent)[1].tolist() == [9]


def test_a_damaged_or_incomplete_archive_is_refused(cifar: Any, tmp_path: Path) -> None:
    reader, files, _ = cifar
    archive = tmp_path / "cifar.tar.gz"
    with pytest.raises(DataError, match="holds no cifar.tar.gz: put it there, from http"):
        reader("train", tmp_path)
    pack(archive, {**files, "data_batch_2": files["data_batch_1"]})
    with pytest.raises(DataError, match="data_batch_2 is damaged"):
        reader("train", tmp_path)
    pack(archive, {"data_batch_1": files["data_batch_1"]})
    with pytest.raises(DataError, match="holds no batches/data_batch_2"):
        reader("train", tmp_path)
    pack(archive, files)
    inputs.truncate(archive, 5000)
    with pytest.raises(DataError, match="not a whole archive"):
        reader("train", tmp_path)


def test_code_in_a_batch_is_not_run(tmp_path: Path) -> None:
    """Also where its checksum is right."""
    bad = pickle.dumps({"data": Path.touch, "labels": [tmp_path / "ran"]})
    reader = _cifar_reader(
        Remote("http://127.0.0.1:9/c.tar.gz", "0" * 32),
        "batches",
        {"train": {"b": hashlib.md5(bad).hexdigest()}},
        "labels",
    )
    pack(tmp_path / "c.tar.gz", {"b": bad})
    with pytest.raises(DataError, match="wants to run"):
        reader("train", tmp_path)


def idx(array: np.ndarray[Any, Any]) -> bytes:
    return struct.pack(f">HBB{array.ndim}i", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("place", ["", "MNIST/raw", "MNIST"])
@pytest.mark.parametrize("zipped", [True, False])
def test_mnists_format_in_the_usual_places(tmp_path: Path, place: str, zipped: bool) -> None:
    images = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
    files = {
        f"{stem}-{kind}-ubyte": idx(array)
        for stem in ("train", "t10k")
        for kind, array in (("images-idx3", images), ("labels-idx1", np.array([7, 0, 9], np.uint8)))
    }
    md5s = {name: ("0" * 32, hashlib.md5(content).hexdigest()) for name, content in files.items()}
    reader = _idx_set("http://127.0.0.1:9/", "MNIST", md5s)
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / (name + ".gz" * zipped)
        path.write_bytes(gzip.compress(content) if zipped else content)
    x, y = reader("test", tmp_path)
    np.testing.assert_array_equal(x[:, 0], images)
    assert y.tolist() == [7, 0, 9]
    path.write_bytes(gzip.compress(content[:-1]) if zipped else content[:-1])
    with pytest.raises(DataError, match="damaged, or belongs to another data set"):
        reader("test", tmp_path)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine, and the folder it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()


def test_a_download_happens_once_and_is_checked(
    served: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = served
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache")
    (folder / "a.bin").write_bytes(b"right")
    remote = Remote(f"{url}a.bin", hashlib.md5(b"right").hexdigest())
    assert remote.find(None).read_bytes() == b"right"
    (folder / "a.bin").unlink()
    assert remote.find(None).parent == tmp_path / "cache"
    (folder / "b.bin").write_bytes(b"wrong")
    with pytest.raises(DataError, match="cannot download b.bin"):
        Remote(f"{url}b.bin", remote.md5).find(None)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["a.bin"]


def test_without_network_one_line_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache")
    monkeypatch.delenv(datasets.DATA_DIR_VARIABLE, raising=False)
    with pytest.raises(DataError) as caught:
        Remote("http://127.0.0.1:9/a.tar.gz", "0" * 32).find(None)
    text = str(caught.value)
    assert "http://127.0.0.1:9/a.tar.gz" in text
    assert str(tmp_path / "cache") in text
    assert "given by --data-dir" in with_options(text)


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(datasets.DATA_DIR_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=f"{tmp_path} holds no cifar-10-python.tar.gz"):
        datasets.load("cifar10")
    monkeypatch.delenv(datasets.DATA_DIR_VARIABLE)
    for given in (tmp_path, str(tmp_path)):
        with pytest.raises(DataError, match="holds no cifar-10"):
            datasets.load("cifar10", data_dir=given)


# The user's own.


@pytest.mark.parametrize("order", ["<", ">"])
def test_own_arrays(tmp_path: Path, order: str) -> None:
    x, y = np.random.default_rng(0).random((5, 3)).astype(f"{order}f4"), np.arange(5, dtype=np.int8)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    own = datasets.load(str(tmp_path / "a.npz"), "train")
    np.testing.assert_array_equal(own.x.numpy(), x)
    assert own.y.tolist() == [0, 1, 2, 3, 4]
    assert own.y.dtype == torch.int64
    assert own.split == "all"


@pytest.mark.parametrize(("arrays", "text"), inputs.ARRAYS)
def test_bad_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], text: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=text):
        datasets.load(str(tmp_path / "a.npz"))


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(DataError, match="expected arrays x and y"):
        datasets.load(str(tmp_path / "a.npz"))
    with pytest.raises(DataError, match="no such file"):
        datasets.load(str(tmp_path / "b.npz"))
    with pytest.raises(DataError, match="no data set is named 'cifar'"):
        datasets.load("cifar")


def test_own_callables(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def both(): return np.zeros((4, 2)), np.ones(4)\n"
        "n = {'train': 4, 'test': 2}\n"
        "def parts(split): return np.zeros((n[split], 2)), [1] * n[split]\n"
        "def wrong(): return 3\n"
        "def fails(): raise RuntimeError('oh\\nno')\n"
        "number = 3\n"
    )
    mine = str(tmp_path / "mine.py")
    assert datasets.load(f"{mine}:both", "test").split == "all"
    assert len(datasets.load(f"{mine}:parts", "test").x) == 2
    assert len(datasets.load(f"{mine}:parts", "train").x) == 4
    with pytest.raises(DataError, match=r"must return \(x, y\), not int"):
        datasets.load(f"{mine}:wrong")
    with pytest.raises(UserCodeError, match=r"failed: RuntimeError: oh \(.*mine.py:6\)"):
        datasets.load(f"{mine}:fails")
    with pytest.raises(UserCodeError, match="no callable 'number'"):
        datasets.load(f"{mine}:number")
    with pytest.raises(UserCodeError, match="no such file"):
        datasets.load(f"{tmp_path}/other.py:both")


def test_labels_are_needed_to_count_classes() -> None:
    for y in (torch.zeros(3), torch.tensor([-1, 0]), torch.zeros(3, 2, dtype=torch.int64)):
        with pytest.raises(DataError, match="y must be labels"):
            _ = Dataset("it", "all", torch.zeros(len(y), 2), y).num_classes
