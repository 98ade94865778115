"""Outline HDF5 files, in a process of its own: damaged ones make the library hang or crash.

The process reads paths from its standard input, one JSON object a line, and writes for each the
number of bytes of the answer, the answer as JSON, and values that only the library can decode. Its
arguments are the module search path. It imports nothing of landscape, so that it starts quickly.
"""

import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

_MOST_DECODED = 1 << 26  # bytes of chunked or compressed values; of large files:
_MOST_TIMES = 20  # the file's size
_MOST_TEXT = 1 << 20
_ELSEWHERE = "contains external or virtual datasets or links, which are not allowed"
_MEMORY = 1 << 30  # in addition to decoded values
_SECONDS, _BYTES_PER_SECOND = 5, 10_000_000


class RefusedError(Exception):
    """The file holds what is not read; the message is a clause about it."""


class Outline:
    """The objects in an open file: groups, data sets and their attributes.

    Args:
        size: Size of the file in bytes.
    """

    def __init__(self, size: int) -> None:
        self.objects: list[tuple[str, dict[str, Any]]] = []
        self.blobs: list[bytes] = []
        self._left = max(_MOST_DECODED, _MOST_TIMES * size)
        self._used = 0

    def add(self, root: Any) -> None:
        """Add all objects of a file: a loop over links, whose number is that of the objects.

        Args:
            root: The open file.

        Raises:
            RefusedError: The file links to data elsewhere, or to an object twice.
        """
        import h5py

        seen, waiting = set(), [("", root)]
        while waiting:
            path, item = waiting.pop()
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise RefusedError("contains more than one link to an object, which is not allowed")
            seen.add(address)
            found: dict[str, Any] = {"attrs": dict(_attributes(item))}
            if isinstance(item, h5py.Dataset):
                found.update(self._dataset(item))
            elif isinstance(item, h5py.Group):
                for name in item:
                    if not isinstance(item.get(name, getlink=True), h5py.HardLink):
                        raise RefusedError(_ELSEWHERE)
                    waiting.append((f"{path}/{_text(name)}", item[name]))
            else:
                continue  # a named type
            self.objects.append((path, found))

    def _dataset(self, item: Any) -> dict[str, Any]:
        import h5py

        if item.external is not None or item.is_virtual:
            raise RefusedError(
                "contains external or virtual datasets or links, which are not allowed"
            )
        shape, dtype = item.shape, item.dtype
        if shape == () and h5py.check_string_dtype(dtype) is not None:
            return {"text": _text(item[()])}
        found = {"shape": shape, "dtype": str(dtype)}
        if shape is None or dtype.kind not in "fiub":
            return found
        found["dtype"] = dtype.str
        size = math.prod(shape) * dtype.itemsize
        stored = item.id.get_storage_size()
        is_filtered = item.id.get_create_plist().get_nfilters() > 0
        if stored < size and not (is_filtered and stored):
            raise RefusedError(f"stores {stored} of the {size} bytes of {item.name}")
        # As the library does: a damaged type must not be read as another one.
        is_plain = item.id.get_type() == h5py.h5t.py_create(dtype)
        offset = item.id.get_offset()
        if size and is_plain and offset is not None and not is_filtered and item.chunks is None:
            return {**found, "offset": offset}
        chunk = math.prod(item.chunks or ()) * dtype.itemsize
        self._left -= size
        if self._left < 0 or chunk > self._left + size:
            raise RefusedError(
                f"stores {item.name} in {stored} bytes, which expand to {size}: rewrite it without "
                "compression (h5repack -f NONE -l CONTI)"
            )
        blob = item[()].tobytes()
        found["blob"] = self._used
        self.blobs.append(blob)
        self._used += len(blob)
        return found


def _attributes(item: Any) -> Iterator[tuple[str, Any]]:
    """Yield scalar strings and numbers; of others the type in a list."""
    import h5py

    for key in item.attrs:
        attribute = item.attrs.get_id(key)
        is_text = h5py.check_string_dtype(attribute.dtype) is not None
        if attribute.shape != () or not (is_text or attribute.dtype.kind in "fiub"):
            yield _text(key), [f"array of {attribute.dtype} with shape {attribute.shape}"]
            continue
        value = item.attrs[key]
        yield _text(key), _text(value) if is_text else value.item()


def _text(value: Any) -> str:
    """Return text without control characters and surrogates, which consoles and JSON choke on.

    Raises:
        RefusedError: It is very long.
    """
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    if len(data) > _MOST_TEXT:
        raise RefusedError(f"holds a text of {len(data)} bytes")
    text = data.decode("utf-8", "replace")
    return "".join("\ufffd" if _is_control(c) else c for c in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc" and character not in "\r\n\t"


def outline(path: str) -> tuple[dict[str, Any], list[bytes]]:
    """Return the outline of a file, or the reason why it has none.

    Args:
        path: The file.
    """
    import h5py

    try:
        with open(path, "rb") as raw:
            status = os.fstat(raw.fileno())
            _limit(status.st_size)
            try:
                file = h5py.File(raw, "r")
            except OSError as error:
                return {"invalid": _line(error)}, []
            with file:
                found = Outline(status.st_size)
                found.add(file)
        head = {
            "file": [status.st_dev, status.st_ino],
            "objects": found.objects,
            "decoded": sum(map(len, found.blobs)),
        }
        return head, found.blobs
    except RefusedError as error:
        return {"refused": str(error)}, []
    except Exception as error:  # damaged files raise nearly anything
        return {"damaged": _line(error)}, []


def _line(error: Exception) -> str:
    lines = _text(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _limit(size: int) -> None:
    """Limit the memory and the time of this process for a file of a size, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    memory = _MEMORY + 4 * max(_MOST_DECODED, _MOST_TIMES * size)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + _SECONDS + size // _BYTES_PER_SECOND
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or value <= hard:
            resource.setrlimit(kind, (value, hard))


def main() -> None:
    """Answer requests until the standard input ends."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command
    sys.path[:] = sys.argv[1:]
    for line in sys.stdin.buffer:
        head, blobs = outline(json.loads(line)["path"])
        answer = json.dumps(head).encode()
        sys.stdout.buffer.write(len(answer).to_bytes(8, "little") + answer)
        for blob in blobs:
            sys.stdout.buffer.write(blob)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
