"""What is installed, and what the command line costs to start."""

import os
import re
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    # From a copy: building leaves folders behind.
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to(os.readlink(ROOT / name))
        elif (ROOT / name).is_file():
            target.write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source],
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment with the wheel, and this one's dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            folder / "bin" / "python",
            "install",
            "--no-deps",
            "--no-index",
            "--quiet",
            wheel,
        ],
        check=True,
        capture_output=True,
    )
    # A folder named in a .pth file is searched, but its own .pth files (which would bring
    # back this checkout) are not run.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def test_the_wheel_holds_only_landscape(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"landscape"}
    for name in ("models/residual.py", "commands/scan.py", "digits.npz", "py.typed"):
        assert f"landscape/{name}" in names


def test_every_package_is_shipped(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    scripts = ROOT.glob("landscape/page/static/*")
    for path in [*ROOT.glob("landscape/**/*.py"), *ROOT.glob("models/**/*.py"), *scripts]:
        name = path.relative_to(ROOT).as_posix()
        assert ("landscape/" * name.startswith("models/")) + name in shipped


def test_help_is_quick_and_without_torch(installed: Path, tmp_path: Path) -> None:
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        result = subprocess.run(
            [installed / "landscape", "--help"], cwd=tmp_path, capture_output=True, text=True
        )
        seconds.append(time.monotonic() - began)
        assert result.returncode == 0
        assert "Example:" in result.stdout
    assert min(seconds) < 0.5
    code = "import sys, landscape, landscape.cli; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([installed / "python", "-c", code], check=True, cwd=tmp_path)


@pytest.mark.parametrize("verb", ["plot", "view", "info", "convert"])
def test_figures_and_pages_need_no_torch(installed: Path, tmp_path: Path, verb: str) -> None:
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        result = subprocess.run(
            [installed / "landscape", verb, "--help"], cwd=tmp_path, capture_output=True, text=True
        )
        seconds.append(time.monotonic() - began)
        assert result.returncode == 0
    assert min(seconds) < 1.5  # 1.0 on an idle machine
    code = f"import sys, landscape.commands.{verb}; assert 'torch' not in sys.modules"
    subprocess.run([installed / "python", "-c", code], check=True, cwd=tmp_path)


def test_the_demo_shows_its_page_in_three_seconds(installed: Path, tmp_path: Path) -> None:
    page = tmp_path / "demo.html"
    seconds = []
    for _ in range(3):
        page.unlink(missing_ok=True)
        began = time.monotonic()
        result = subprocess.run(
            [installed / "landscape", "demo", "--no-open", "--html", page],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        seconds.append(time.monotonic() - began)
        assert result.returncode == 0, result.stderr
        assert result.stdout == f"{page}\n"
        assert len(re.findall("^  landscape ", result.stderr, re.MULTILINE)) == 3
    assert min(seconds) < 3
    text = page.read_text(encoding="utf-8")
    assert "plain56" in text
    assert "resnet56" in text
    code = "import sys, landscape.commands.demo; assert 'torch' not in sys.modules"
    subprocess.run([installed / "python", "-c", code], check=True, cwd=tmp_path)


def test_the_installed_package_works_from_anywhere(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys, landscape, landscape.models, landscape.scanning, landscape.training\n"
        "assert 'site-packages' in landscape.models.__file__, landscape.models.__file__\n"
        "assert 'models' not in sys.modules and 'cli' not in sys.modules\n"
        "from landscape import datasets; assert len(datasets.load('digits').x) == 1438\n"
        "landscape.models.create('resnet8')\n"
    )
    subprocess.run([installed / "python", "-W", "error", "-c", code], check=True, cwd=tmp_path)


def test_cli_entry_points_are_equivalent(tmp_path: Path) -> None:
    for door in ([str(ROOT / "cli.py")], ["-m", "landscape"]):
        result = subprocess.run(
            [sys.executable, *door, "--version"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert result.stdout.startswith("landscape 0.")
