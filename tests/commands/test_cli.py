"""The command line as a user runs it: in processes of their own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import click
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import landscape
from landscape.cli import VERBS
from landscape.commands.verb import Verb
from landscape.grid import Grid
from landscape.naming import disambiguate
from landscape.surface import Surface
from tests import inputs
from tests.conftest import ROOT, Run

TRAIN = (
    "train",
    "plain8",
    "resnet8",
    "--epochs",
    "2",
    "--images-per-batch",
    "512",
    "--device",
    "cpu",
)
SCAN = ("--points", "3x2", "--images", "40", "--device", "cpu")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained nets, made by the command line."""
    folder = tmp_path_factory.mktemp("runs")
    result = subprocess.run(
        [sys.executable, "-m", "landscape", *TRAIN, "--out", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        str(folder / "plain8" / "last.pt"),
        str(folder / "resnet8" / "last.pt"),
        str(folder / "plain8-resnet8.png"),
    ]
    assert "took" in result.stderr
    next_one = "next: landscape scan " + " ".join(result.stdout.split()[:2])
    assert result.stderr.endswith(f"{next_one}\n")
    return folder


@pytest.mark.slow
def test_train_scan_plot_view_info(runs: Path, run: Run, tmp_path: Path) -> None:
    checkpoints = [runs / name / "last.pt" for name in ("plain8", "resnet8")]
    result = run("scan", *checkpoints, *SCAN)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["surfaces/plain8.h5", "surfaces/resnet8.h5"]
    assert "6 points × 40 images, about" in result.stderr
    assert result.stderr.endswith("see it: landscape view surfaces/plain8.h5 surfaces/resnet8.h5\n")
    surface = landscape.load(tmp_path / "surfaces" / "resnet8.h5")
    assert surface.is_complete
    assert surface.settings["net"] == "resnet8"
    assert surface.settings["data"] == "digits"
    assert surface.settings["split"] == "train"
    assert "scan" in str(surface.provenance["command"])
    assert len(str(surface.provenance["checkpoint_sha256"])) == 64

    result = run("plot", *result.stdout.split(), "--kind", "contour", "--out", "pair.pdf")
    assert (result.returncode, result.stdout) == (0, "pair.pdf\n"), result.stderr
    result = run("plot", "surfaces/plain8.h5")
    assert result.stdout == "plain8.png\n"
    result = run("view", "surfaces/plain8.h5", "surfaces/resnet8.h5", "--html", "pair.html")
    assert (result.returncode, result.stdout) == (0, "pair.html\n"), result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "pair.html",
        "pair.pdf",
        "plain8.png",
        "surfaces",
    ]

    facts = json.loads(run("info", "surfaces/plain8.h5", "--json").stdout)
    assert facts["evaluated"] == "6 of 6 points"
    facts = json.loads(run("info", checkpoints[1], "--json").stdout)
    assert (facts["net"], facts["epoch"], facts["recipe"]["epochs"]) == ("resnet8", 2, 2)
    assert "recipe" in run("info", checkpoints[1]).stdout


@pytest.mark.slow
def test_a_scan_is_resumed_and_another_refused(runs: Path, run: Run, tmp_path: Path) -> None:
    arguments = ("scan", runs / "plain8" / "last.pt", *SCAN, "--out", "a.h5")
    assert run(*arguments).returncode == 0
    before = (tmp_path / "a.h5").read_bytes()
    again = run(*arguments)
    assert again.returncode == 0
    assert "a: all losses are evaluated already" in again.stderr
    assert (tmp_path / "a.h5").read_bytes() == before
    result = run(*arguments, "--seed", "7")
    assert result.returncode == 1
    assert "seed: file 0, requested 7" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert run(*arguments, "--seed", "7", "--overwrite").returncode == 0
    assert landscape.load(tmp_path / "a.h5").settings["seed"] == 7


def _scanning(arguments: list[str], path: Path) -> "subprocess.Popen[str]":
    """Start a scan in the folder of its file, and wait until that has some points."""
    process = subprocess.Popen(
        [sys.executable, "-m", "landscape", *arguments],
        cwd=path.parent,
        text=True,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if path.exists() and landscape.load(path).evaluated.sum() > 10:
            break
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_scan_reports_how_to_resume_and_resumes(
    runs: Path, run_process: Run, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    arguments = [
        "scan",
        str(runs / "plain8" / "last.pt"),
        "--points",
        "25",
        "--device",
        "cpu",
        "--images",
        "600",
        "--out",
        "a.h5",
    ]
    path = tmp_path / "a.h5"
    process = _scanning(arguments, path)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    last = stderr.splitlines()[-1]
    assert "landscape scan" in last
    assert "--out a.h5" in last
    assert "Traceback" not in stderr
    done = landscape.load(path).evaluated.sum()
    assert 10 < done < 625
    result = run_process(*arguments)
    assert result.returncode == 0
    assert f"{done} of them done before" in result.stderr
    assert landscape.load(path).is_complete


BREAKING = """
import time
from pathlib import Path
from torch import nn

class Breaking(nn.Linear):
    def forward(self, x):
        time.sleep(0.002)
        outputs = super().forward(x)
        if outputs.isnan().any() or Path("break").exists():  # so that points go one by one
            raise KeyError("no such thing")
        return outputs
"""


def test_own_code_that_fails_in_the_middle_is_reported_in_one_line(
    own: Path, run_process: Run
) -> None:
    (own / "neighbor.py").write_text(BREAKING)
    with (own / "mine.py").open("a") as file:
        file.write("from neighbor import Breaking\ndef breaking():\n    return Breaking(5, 1)\n")
    code = "import torch, mine; torch.save(mine.breaking().state_dict(), 'weights.pt')"
    subprocess.run([sys.executable, "-c", code], cwd=own, check=True)
    options = "--model mine.py:breaking --loss mine.py:Huber --data mine.py:numbers --device cpu"
    arguments = ["scan", "weights.pt", *options.split(), "--points", "51", "--out", "a.h5"]
    path = own / "a.h5"
    process = _scanning(arguments, path)
    (own / "break").touch()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr
    assert "Traceback" not in stderr
    last = stderr.splitlines()[-1]
    assert re.search(r"your code failed: KeyError: 'no such thing' \(.*neighbor\.py:11\)", last)
    assert "resume with: landscape scan" in last
    done = landscape.load(path).evaluated.sum()
    assert 10 < done < 51**2
    (own / "break").unlink()
    assert f"{done} of them done before" in run_process(*arguments, cwd=own).stderr


OWN = '''
"""A user's file that imports its neighbors, in a folder with its own models/ and cli.py."""
import torch, models, cli
from torch import nn

assert models.mine == cli.mine == "the user's own"

class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 16)
        self.position = nn.Parameter(torch.randn(1, 6, 16))
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.1)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 11)

    def forward(self, tokens):
        return self.head(self.body(self.embed(tokens) + self.position))

def transformer():
    return Tiny()

def mlp():
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))

def token_loss(outputs, targets):
    return nn.functional.cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(1)

class Huber(nn.Module):
    def forward(self, outputs, targets):
        return nn.functional.huber_loss(outputs.squeeze(1), targets, reduction="none")

def tokens(split):
    generator = torch.Generator().manual_seed(len(split))
    x = torch.randint(11, (20, 6), generator=generator)
    return x, x.roll(1, 1)

def numbers():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 5, generator=generator)
    return x.numpy(), x.sum(1).numpy()
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text('mine = "the user\'s own"\n')
    (tmp_path / "cli.py").write_text('mine = "the user\'s own"\n')
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "loss", "data"),
    [("transformer", "token_loss", "tokens"), ("mlp", "Huber", "numbers")],
)
def test_own_model_loss_and_data(
    own: Path, run_process: Run, model: str, loss: str, data: str
) -> None:
    code = f"import torch, mine; torch.save(mine.{model}().state_dict(), 'weights.pt')"
    subprocess.run([sys.executable, "-c", code], cwd=own, check=True)
    result = run_process(
        "scan",
        "weights.pt",
        "--model",
        f"mine.py:{model}",
        "--loss",
        f"mine.py:{loss}",
        "--data",
        f"mine.py:{data}",
        "--points",
        "3x2",
        "--device",
        "cpu",
        "--precision",
        "float64",
    )
    assert result.returncode == 0, result.stderr
    from_python = (
        "import torch, mine, landscape, numpy\n"
        f"net = mine.{model}(); net.load_state_dict(torch.load('weights.pt'))\n"
        f"loss = mine.{loss}() if isinstance(mine.{loss}, type) else mine.{loss}\n"
        f"data = mine.{data}('train') if '{data}' == 'tokens' else mine.{data}()\n"
        "o = landscape.Objective(net, loss, data, device='cpu', dtype=torch.float64)\n"
        "s = landscape.scan(o, grid=(3, 2))\n"
        "t = landscape.load('surfaces/weights.h5')\n"
        "numpy.testing.assert_allclose(s.losses, t.losses, rtol=1e-12)\n"
        "assert s.is_complete and numpy.isfinite(s.losses).all() and s.losses.std() > 0\n"
        "assert numpy.isfinite(s.standard_errors).all()\n"
    )
    result2 = subprocess.run(
        [sys.executable, "-W", "error", "-c", from_python], cwd=own, capture_output=True, text=True
    )
    assert result2.returncode == 0, result2.stderr


@pytest.fixture
def bad(tmp_path: Path, runs: Path) -> Path:
    """A folder full of wrong inputs."""
    inputs.wrong_inputs(tmp_path, runs / "plain8" / "last.pt", runs / "resnet8" / "last.pt")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        ("scan none.pt", 1, "none.pt: no such file"),
        ("scan lonely", 1, "lonely: not a file"),
        ("scan nan.pt", 1, "nan.pt: parameter linear.bias contains NaN or inf"),
        ("curvature good.pt --density file/x.png", 1, "file"),
        ("scan truncated.pt", 1, "not a whole file"),
        ("scan code.pt", 1, "nothing in it was run"),
        ("scan bare.pt", 1, "give --net NAME or --model"),
        ("scan bare.pt --net resnet14", 1, "give --data"),
        ("scan bare.pt --net resnet20 --data digits", 1, "does not fit resnet20"),
        ("scan bare.pt --net vgg --data digits", 2, "no network is named 'vgg'"),
        ("scan good.pt --net plain8 --model broken.py:make", 2, "not both"),
        ("scan good.pt --model broken.py:make", 1, "ZeroDivisionError"),
        ("scan good.pt --model broken.py:x", 1, "no callable 'x'"),
        ("scan good.pt --model none.py:x", 1, "no such file"),
        ("scan good.pt --loss huber", 2, "--loss must be"),
        ("scan good.pt --data shape.npz", 1, "does not take inputs of shape (9, 3, 8, 8)"),
        ("scan good.pt --data labels.npz", 1, "labels must be 0 … 9"),
        ("scan good.pt --data none.npz", 1, "no such file"),
        ("scan good.pt --data digit", 1, "no data set is named 'digit'"),
        ("scan good.pt --data cifar10 --data-dir .", 1, "put it there"),
        ("scan good.pt --images 9999", 1, "it has 1438"),
        ("scan good.pt --images 0", 2, "a number of 1 or more"),
        ("scan good.pt --points 0", 2, "1 or more"),
        ("scan good.pt --points 3x", 2, "NxM"),
        ("scan good.pt --range 1:-1", 2, "START below STOP"),
        ("scan good.pt --alpha 1", 2, "START:STOP"),
        ("scan good.pt --seed -1", 2, "--seed"),
        ("scan good.pt --device cuda:77", 2, "device cuda:77 does not exist"),
        ("scan good.pt --preprocess papers", 2, "preprocessing must be one of"),
        ("scan good.pt --preprocess paper", 1, "3 means and 3 standard deviations"),
        ("scan good.pt --plane original.h5", 1, "stores no directions: give its direction file"),
        ("scan good.pt --out file/a.h5", 1, "file"),
        ("scan good.pt --out /proc/a.h5", 1, "/proc"),
        ("scan good.pt same.pt --out a.h5", 2, "is for one surface"),
        ("scan good.pt good.pt", 2, "given twice"),
        ("scan good.pt truncated.pt", 1, "truncated.pt"),
        ("scan good.pt --net resnet8", 1, "is a plain8, not a resnet8"),
        ("scan evil.pt", 1, "would run code"),
        ("scan good.pt --loss broken.py:total", 2, "not a mean over examples"),
        ("scan good.pt --loss broken.py:leave", 1, "SystemExit"),
        ("scan good.pt --plane original.h5 --seed 3", 2, "--seed needs --plane random"),
        ("scan good.pt --data shape.npz --split test", 2, "has no splits"),
        ("scan good.pt --device meta", 2, "device must be"),
        ("scan good.pt --points 99999", 2, "at most 10,000"),
        ("scan good.pt --out folder.h5", 1, "folder.h5: exists and is not a regular file"),
        ("scan good.pt --point 3", 2, "--points"),
        ("scan --plane through good.pt", 2, "needs at least two checkpoints, got 1"),
        ("scan --plane through good.pt same.pt", 2, "have identical weights"),
        ("scan --plane through good.pt same.pt same2.pt", 2, "have identical weights"),
        ("scan --plane through good.pt other.pt", 1, "Checkpoints have different architectures"),
        ("scan --plane through good.pt good.pt", 2, "given twice"),
        ("scan --plane pca good.pt", 1, "is not a folder: expected folders of runs"),
        ("scan --plane pca lonely", 1, "holds 1 checkpoints: a trajectory needs two or more"),
        ("scan --plane pca still", 2, "span no plane"),
        ("scan good.pt --plane none.h5", 2, "or a file with directions"),
        ("scan good.pt --plane eigenvectors --seed 1", 2, "--seed needs --plane random"),
        ("scan good.pt --line --points 5x3", 2, "points only along α"),
        ("scan good.pt --line --beta 0:1", 2, "leave out --beta"),
        ("scan good.pt --tolerance 1% --batchnorm recomputed", 2, "do not recompute BatchNorm"),
        ("curvature good.pt --tolerance nan", 2, "--tolerance"),
        ("scan good.pt --batchnorm interpolated", 2, "--batchnorm interpolated needs"),
        ("scan good.pt --repeats 0", 2, "--repeats"),
        ("scan good.pt --tolerance 120%", 2, "expected a fraction in [0, 1)"),
        ("scan good.pt --precision tf32 --device cpu", 2, "tf32 is a precision of GPUs"),
        ("scan good.pt --curvature --repeats 2", 2, "curvature is evaluated for one seed"),
        ("curvature good.pt --group nothing", 2, "no parameter's name begins with nothing"),
        ("curvature good.pt --top 999999 --images 9", 2, "eigenvalues, not 999999"),
        ("curvature truncated.pt", 1, "truncated.pt"),
        ("curvature good.pt --density a.txt", 2, "must end in"),
        ("scan --plane through good.pt bent.pt --beta 0:1", 2, "a line has β = 0"),
        ("scan good.pt --loss broken.py:strict", 1, "your code failed: ValueError: never"),
        ("train plain8 --data vectors.npz", 1, "takes images, shape (examples, channels"),
        ("connect good.pt same.pt", 2, "both ends of the curve are the same network"),
        ("connect good.pt other.pt", 1, "Checkpoints have different architectures"),
        ("connect good.pt bent.pt --out taken", 1, "taken/connection.h5 is not a valid HDF5"),
        ("connect good.pt", 2, "Missing argument 'SECOND'"),
        ("plot line.h5 --kind surface", 1, "two points or more"),
        ("plot x.h5 --kind line", 1, "is a surface, not a line"),
        ("plot x.h5 --kind path", 1, "has no trajectory"),
        ("plot x.h5 --kind curvature", 1, "has no eigenvalues"),
        ("train resnet9", 2, "depth must be 6n+2"),
        ("train plain8 --epochs 0", 2, "epochs must be 1 or more"),
        ("train plain8 --out file --epochs 1", 1, "file"),
        ("plot original.h5", 1, "`landscape convert original.h5 --out NAME.h5`"),
        ("plot good.pt", 1, "a checkpoint, not a surface: make one with `landscape scan good.pt`"),
        ("plot none.h5", 1, "no such file"),
        ("plot x.h5 --out a.jpg", 2, "must end in"),
        ("plot x.h5 --levels 3,1", 2, "rising losses"),
        ("plot x.h5 --cmap virids", 2, "no color map"),
        ("plot x.h5 --kind curvature --max 3", 2, "--max changes nothing in --kind curvature"),
        ("plot x.h5 --kind heatmap --levels 1,2", 2, "--levels changes nothing"),
        ("plot x.h5 --kind contour --zoom 2", 2, "--zoom changes nothing in --kind contour"),
        ("plot line.h5 --azimuth 2", 2, "--azimuth changes nothing in --kind line"),
        ("plot line.h5 --no-title", 2, "--no-title changes nothing in --kind line"),
        ("plot line.h5 --evaluated", 2, "--evaluated changes nothing in --kind line"),
        ("plot x.h5 --kind path --quantity loss", 2, "--quantity changes nothing"),
        ("plot x.h5 --quantity accuracy --max 3", 2, "--max is for losses"),
        ("plot x.h5 --quantity ratio --scale log", 2, "--scale is for losses"),
        ("plot x.h5 --quantity lowest", 1, "has no lowest, only loss, accuracy"),
        ("plot x.h5 --title a --no-title", 2, "--title and --no-title contradict"),
        ("plot x.h5 --names a,b", 2, "expected 1 names"),
        ("plot lonely", 1, "lonely holds no surface"),
        ("view original.h5", 1, "is a surface of the code of Li et al"),
        ("check original.h5", 1, "is a surface of the code of Li et al"),
        ("check good.pt", 1, "a checkpoint, not a surface"),
        ("check none.h5", 1, "no such file"),
        ("check", 2, "Missing argument 'SURFACE"),
        ("info original.h5", 1, "is a surface of the code of Li et al"),
        ("info none", 1, "no such file"),
        ("scan x.h5", 1, "a surface, not a checkpoint: show it with `landscape view x.h5`"),
        ("scna x", 2, "No such command 'scna'. Did you mean 'scan'?"),
        ("xyz", 2, "Commands are demo, train, scan"),
    ],
)
def test_wrong_input_gets_one_line(bad: Path, run: Run, command: str, code: int, text: str) -> None:
    before = {path: path.read_bytes() for path in bad.iterdir() if path.is_file()}
    result = run(*command.split())
    assert result.returncode == code, result.stderr
    assert text in result.stderr
    assert "Traceback" not in result.stderr
    if code == 1:
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("landscape: ")
    assert result.stdout == ""
    after = {path: path.read_bytes() for path in bad.iterdir() if path.is_file()}
    assert after == before
    assert not list(bad.rglob("*.tmp"))


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_with_an_example(run: Run, verb: str) -> None:
    for flag in ("-h", "--help"):
        result = run(verb, flag)
        assert result.returncode == 0
        lines = result.stdout.splitlines()
        example = lines.index("  Example:")
        assert lines[example + 1].split()[:2] == ["landscape", verb]
        assert "\\b" not in result.stdout


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_option_is_in_one_group_and_the_short_help_is_short(verb: str) -> None:
    command = import_module(f"landscape.commands.{verb}").command
    if not isinstance(command, Verb):
        assert len(command.params) <= 10
        return
    own = {str(param.name) for param in command.params if isinstance(param, click.Option)}
    assert sorted(own) == sorted(name for names in command.groups.values() for name in names)
    assert len(command.essential) == 10
    short, long = (CliRunner().invoke(command, [flag]).output for flag in ("-h", "--help"))
    options = r"^  --?[a-z]"
    assert len(re.findall(options, short, re.MULTILINE)) == 11
    assert len(re.findall(options, long, re.MULTILINE)) == len(own) + 2
    for title in command.groups:
        assert f"\n{title}:\n" in long


@pytest.mark.slow
def test_planes_paths_curves_and_curvature(runs: Path, run: Run, tmp_path: Path) -> None:
    """From the command line, each with what it prints."""
    plain, other = runs / "plain8" / "last.pt", tmp_path / "other" / "last.pt"
    result = run(
        "train",
        "plain8",
        "--data",
        "digits",
        "--epochs",
        "2",
        "--seed",
        "1",
        "--save-every",
        "1",
        "--out",
        "more",
    )
    assert result.returncode == 0, result.stderr
    few = ["--images", "64"]
    other = tmp_path / "more" / "plain8" / "last.pt"
    result = run(
        "scan", "--plane", "through", plain, other, "--points", "5", *few, "--out", "two.h5"
    )
    assert result.returncode == 0, result.stderr
    names = {mark.name for mark in landscape.load(tmp_path / "two.h5").marks}
    assert len(names) == 2  # two nets of one name get different names
    assert "more-plain8" in names
    (tmp_path / "b").mkdir()
    shutil.copy(other, tmp_path / "b" / "last.pt")
    other = tmp_path / "b" / "last.pt"

    def done(*arguments: str | Path) -> str:
        result = run(*arguments)
        assert result.returncode == 0, result.stderr
        assert "Warning" not in result.stderr
        return result.stdout + result.stderr

    for statistics in ("frozen", "interpolated", "recomputed"):
        done(
            "scan",
            "--plane",
            "through",
            plain,
            other,
            "--points",
            "5",
            *few,
            "--batchnorm",
            statistics,
            "--out",
            f"{statistics}.h5",
        )
        line = landscape.load(tmp_path / f"{statistics}.h5")
        assert line.is_line
        assert [(m.name, m.alpha) for m in line.marks] == [("plain8", 0), ("b", pytest.approx(1))]
    moved = landscape.load(tmp_path / "interpolated.h5")
    assert moved.grid.alphas[[0, -1]].tolist() == pytest.approx([0, 1])
    assert moved.losses[-1, 0] == pytest.approx(moved.marks[1].loss, rel=1e-4)
    kept = landscape.load(tmp_path / "frozen.h5")
    assert kept.grid.alphas[[0, -1]].tolist() == pytest.approx([-0.5, 1.5])
    done("scan", plain, "--line", "--range", "0:1", "--points", "3", *few, "--out", "half.h5")
    assert landscape.load(tmp_path / "half.h5").grid.betas.tolist() == [0]
    done("plot", "frozen.h5", "recomputed.h5", "--out", "lines.png")

    said = done(
        "scan",
        "--plane",
        "pca",
        tmp_path / "more" / "plain8",
        "--points",
        "3",
        *few,
        "--out",
        "path.h5",
    )
    assert "of the variation of 3 checkpoints" in said
    path = landscape.load(tmp_path / "path.h5").trajectories[0]
    assert path.steps.tolist() == [0, 1, 2]
    settings = landscape.load(tmp_path / "path.h5").settings
    parts = [float(settings[f"explained_variation{axis}"]) for axis in ("_alpha", "_beta", "")]
    assert parts[0] >= parts[1] > 0
    assert parts[0] + parts[1] == pytest.approx(parts[2])
    assert path.distances == pytest.approx(np.zeros(3), abs=1e-3)  # three nets are on a plane
    for kind in ("path", "surface"):
        done("plot", "path.h5", "--kind", kind, "--out", f"{kind}.pdf")
    done("view", "path.h5", "--html", "path.html")

    said = done("connect", plain, other, "--epochs", "1", *few, "--points", "3", "--out", "ab")
    assert "straight line: maximum loss" in said
    again = done("connect", plain, other, "--epochs", "1", *few, "--points", "3", "--out", "ab")
    assert "ab/connection.h5" in again
    done(
        "scan",
        "--plane",
        "through",
        plain,
        other,
        "ab/control-point.pt",
        "--points",
        "3",
        *few,
        "--out",
        "t.h5",
    )
    assert {m.name for m in landscape.load(tmp_path / "t.h5").marks} == {
        "plain8",
        "b",
        "control-point",
    }

    wishes = ("--top", "2", "--samples", "3", "--json", "--density", "density.png")
    result = run("curvature", plain, *few, *wishes)
    assert result.stderr == ""
    facts = json.loads(result.stdout)
    assert facts["highest_converged"] is True
    assert len(facts["highest_eigenvalues"]) == 2
    assert (tmp_path / "density.png").stat().st_size > 5000
    short = done("curvature", plain, *few, "--tolerance", "1e-12", "--max-hvps", "20")
    assert "NO: raise --max-hvps or --tolerance" in short

    done("scan", plain, "--plane", "eigenvectors", "--points", "3", *few, "--out", "e.h5")
    done("scan", plain, "--points", "2", *few, "--curvature", "--out", "c.h5")
    done("plot", "c.h5", "--kind", "curvature", "--out", "c.png")
    said = done("scan", plain, "--line", "--points", "5", "--repeats", "2", *few, "--out", "l.h5")
    assert "l, seed 1: 5 points" in said
    assert "repeats" in done("info", "l.h5")


def test_computed_planes_are_resumed_on_another_machine(
    runs: Path, run_process: Run, tmp_path: Path
) -> None:
    """Where rounding is another, as with other threads: the file has the plane."""
    train = "train plain8 --epochs 3 --save-every 1 --seed 1 --images-per-batch 512 --out more"
    assert run_process(*train.split()).returncode == 0
    plain, other = runs / "plain8" / "last.pt", tmp_path / "more" / "plain8" / "last.pt"
    bent = tmp_path / "more" / "plain8" / "epoch-001.pt"
    few = ["--images", "64", "--points", "3"]
    for name, command in {
        "e.h5": ["scan", plain, "--plane", "eigenvectors", *few, "--out", "e.h5"],
        "t.h5": ["scan", "--plane", "through", plain, other, bent, *few, "--out", "t.h5"],
        "p.h5": ["scan", "--plane", "pca", tmp_path / "more" / "plain8", *few, "--out", "p.h5"],
        "c/connection.h5": ["connect", plain, other, "--epochs", "1", *few, "--out", "c"],
    }.items():
        result = run_process(*command)
        assert result.returncode == 0, result.stderr
        whole = landscape.load(tmp_path / name)
        with h5py.File(tmp_path / name, "r+") as file:
            layer = file["layers/loss"]
            layer["evaluated"][0, 1, 2] = 0
            layer["losses"][0, 1, 2] = 0.0
        result = run_process(*command, OMP_NUM_THREADS="2")
        assert result.returncode == 0, result.stderr
        assert "8 of them done before" in result.stderr
        again = landscape.load(tmp_path / name)
        np.testing.assert_allclose(again.losses, whole.losses, rtol=1e-4)
        assert again.marks == whole.marks
        assert len(again.trajectories) == len(whole.trajectories)
    # Another path is another scan.
    (tmp_path / "more" / "plain8" / "epoch-001.pt").unlink()
    refused = run_process(
        "scan", "--plane", "pca", tmp_path / "more" / "plain8", *few, "--out", "p.h5"
    )
    assert refused.returncode == 1
    assert "nets_sha256" in refused.stderr


def test_files_of_one_name_are_distinguished_by_the_folder_that_differs(tmp_path: Path) -> None:
    def named(*files: str) -> list[str]:
        return disambiguate(
            [Path(file).stem for file in files], [tmp_path / file for file in files]
        )

    assert named("a/s.h5", "a/t.h5") == ["s", "t"]
    assert named("a/s.h5", "b/s.h5") == ["a-s", "b-s"]
    assert named("a/x/s.h5", "b/x/s.h5") == ["a-s", "b-s"]
    assert named("a/x/s.h5", "a/y/s.h5", "b/x/s.h5") == ["s (1)", "s (2)", "s (3)"]


def test_scan_as_json_says_nothing_else(runs: Path, run: Run, tmp_path: Path) -> None:
    result = run("scan", runs / "plain8" / "last.pt", runs / "resnet8" / "last.pt", *SCAN, "--json")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    facts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [fact["name"] for fact in facts] == ["plain8", "resnet8"]
    for fact in facts:
        surface = landscape.load(tmp_path / fact["path"])
        assert fact["lowest_loss"] == surface.losses.min()


@pytest.mark.slow
def test_scan_with_a_view_stays_until_ctrl_c(runs: Path, tmp_path: Path) -> None:
    checkpoint = str(runs / "plain8" / "last.pt")
    command = [sys.executable, "-m", "landscape", "scan", checkpoint, *SCAN, "--view"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "surfaces/plain8.h5"
        time.sleep(8)  # the viewer takes a while to start
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, error = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, error
    assert "http://127.0.0.1:" in error
    assert "Traceback" not in error
    assert landscape.load(tmp_path / "surfaces" / "plain8.h5").is_complete


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("view", "gone.h5"), 1, "no such file"),
        (("view", ".", "a.h5"), 2, "one folder"),
        (("view", ".", "--html", "a.html"), 1, "holds no surface"),
        (("view", "gone.h5", "--html", "a.html", "--wait"), 2, "without --html"),
        (("view", "point.h5"), 1, "two points or more along alpha"),
        (("view", "point.h5", "--html", "a.html"), 1, "two points or more along alpha"),
    ],
)
def test_wrong_views_are_reported_in_one_line(
    arguments: tuple[str, ...], code: int, text: str, run: Run, tmp_path: Path, surface: Surface
) -> None:
    names = ("losses", "accuracies", "standard_errors", "evaluated", "examples")
    flat = {name: getattr(surface, name).reshape(1, 6) for name in names}
    replace(surface, grid=Grid.regular((1, 6)), **flat).save(tmp_path / "point.h5")
    result = run(*arguments)
    assert result.returncode == code
    assert text in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["point.h5"]


@pytest.mark.slow
def test_plot_to_the_wishes_of_a_paper(run: Run, tmp_path: Path, surface: Surface) -> None:
    surface.save(tmp_path / "a.h5")
    (tmp_path / "paper.mplstyle").write_text("axes.linewidth: 3\n")
    result = run(
        *("plot", "a.h5", "--kind", "heatmap", "--size", "3.25x2", "--font", "DejaVu Serif"),
        *("--font-size", "7", "--style", "paper.mplstyle", "--dpi", "100", "--out", "a.png"),
    )
    assert result.returncode == 0, result.stderr
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (325, 200)
    result = run("plot", "a.h5", "--seconds", "0.2", "--dpi", "30", "--out", "a.gif")
    assert result.returncode == 0, result.stderr
    assert "2/2" in result.stderr
    with Image.open(tmp_path / "a.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 2


@pytest.mark.slow
def test_plot_takes_folders_and_says_what_it_leaves_out(
    run: Run, tmp_path: Path, surface: Surface
) -> None:
    line = Surface.empty(Grid.regular((3, 1)), {}, {"name": "line"})
    line.losses[:], line.evaluated[:] = np.arange(3.0)[:, None] + 1, True
    surface.save(tmp_path / "all" / "a.h5")
    surface.save(tmp_path / "all" / "deep" / "b.h5")
    line.save(tmp_path / "all" / "c.h5")
    inputs.no_surface(tmp_path / "all" / "d.h5")
    wishes = ("--size", "3x2", "--dpi", "50", "--elevation", "50", "--azimuth=-20", "--zoom", "1.1")
    result = run("plot", "all", "--names", "one, two", "--title", "Both", *wishes)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "all.png\n"
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["left out"] * 2
    assert "d.h5" in result.stderr
    assert "plot it with --kind line" in result.stderr
    result = run("plot", "all", "--kind", "line", "--out", "line.svg")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("is a surface, not a line") == 2
    result = run("plot", "all", "all/a.h5", "--kind", "curvature")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "has no eigenvalues" in result.stderr
    result = run("plot", "all/a.h5", "--quantity", "accuracy", "--dpi", "50", "--no-title")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--size", "3"), "WIDTHxHEIGHT"),
        (("--size", "0x3"), "WIDTHxHEIGHT"),
        (("--size", "1e9x3"), "WIDTHxHEIGHT"),
        (("--font", "No Such Font"), "no font 'No Such Font'"),
        (("--style", "nosuch"), "no style 'nosuch'"),
        (("--cmap", "nosuch"), "no color map 'nosuch'"),
        (("--motion", "sequence"), "are for animations"),
        (("--out", "a.avi"), "must end in .png, .pdf, .svg, .gif, .mp4"),
        (("--out", "a.gif", "--kind", "contour"), "only surfaces in 3-D can turn"),
    ],
)
def test_wrong_figures_are_reported_in_one_line(
    arguments: tuple[str, ...], text: str, run: Run, tmp_path: Path, surface: Surface
) -> None:
    surface.save(tmp_path / "a.h5")
    result = run("plot", "a.h5", *arguments)
    assert result.returncode == 2
    assert text in result.stderr
    assert "Traceback" not in result.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]
