"""Convolutions of 3×3 pixels fused with bias, sum and ReLU, written in Triton.

Of few channels, a convolution is limited by the transfer of its activations. A library's kernel
fetches each pixel once for every tap. Here a program fetches the pixels of a few rows once, as
windows of adjacent pixels: in the channels-last layout those are contiguous. A window is
multiplied by a banded matrix that gives several adjacent results at once (for two results, of a
window of four pixels, three quarters of the matrix are not zero), and serves all three taps in
the vertical direction.

Imported only where Triton is installed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from landscape.devices import entered, num_multiprocessors


@triton.jit
def _banded(
    w: tl.tensor,
    ky: tl.constexpr,
    first: tl.constexpr,
    c_in: tl.constexpr,
    c_out: tl.constexpr,
    stride: tl.constexpr,
    wide: tl.constexpr,
    window: tl.constexpr,
    block_k: tl.constexpr,
) -> tl.tensor:
    """Return the matrix from a window's pixels to ``wide`` results, for one row of taps.

    Shape (block_k, wide * c_out): 0 where a pixel is not under the taps of a result.
    """
    k = tl.arange(0, block_k)[:, None]
    n = tl.arange(0, wide * c_out)[None, :]
    kx = first + k // c_in - stride * (n // c_out)
    under = (k < window * c_in) & (kx >= 0) & (kx < 3)
    places = (n % c_out) * (9 * c_in) + (ky * 3 + kx) * c_in + k % c_in
    return tl.load(w + places, mask=under, other=0.0)


@triton.jit
def _all_banded(
    w: tl.tensor,
    c_in: tl.constexpr,
    c_out: tl.constexpr,
    stride: tl.constexpr,
    wide: tl.constexpr,
    pieces: tl.constexpr,
    window: tl.constexpr,
    block_k: tl.constexpr,
) -> tl.tensor:
    """Return the matrices of all rows of taps and all pieces of a window."""
    found = ()
    for number in tl.static_range(3 * pieces):
        matrix = _banded(
            w, number // pieces, number % pieces, c_in, c_out, stride, wide, window, block_k
        )
        found = found + (matrix,)  # noqa: RUF005 - Triton has no unpacking
    return found


@triton.jit
def _tile(
    x: tl.tensor,
    matrices: tl.tuple,
    bias: tl.tensor,
    other: tl.tensor,
    out: tl.tensor,
    images: tl.tensor,
    number: tl.tensor,
    has_other: tl.constexpr,
    relu: tl.constexpr,
    c_in: tl.constexpr,
    c_out: tl.constexpr,
    height: tl.constexpr,
    width: tl.constexpr,
    stride: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
    pieces: tl.constexpr,
    window: tl.constexpr,
    block_k: tl.constexpr,
    block_m: tl.constexpr,
) -> None:
    """Compute ``block_m`` patches of ``rows`` × ``wide`` results."""
    out_height: tl.constexpr = (height - 1) // stride + 1
    out_width: tl.constexpr = (width - 1) // stride + 1
    columns: tl.constexpr = (out_width + wide - 1) // wide
    bands: tl.constexpr = (out_height + rows - 1) // rows
    inputs: tl.constexpr = stride * (rows - 1) + 3  # rows of pixels

    patch = number * block_m + tl.arange(0, block_m)
    column, image = patch % columns, patch // (columns * bands)
    band = (patch // columns) % bands
    k = tl.arange(0, block_k)[None, :]
    n = tl.arange(0, wide * c_out)[None, :]

    first_x = column * (wide * stride) - 1
    pixels = ()
    for row in tl.static_range(inputs):
        y = band * (rows * stride) + (row - 1)
        start = (image * height + y) * width + first_x
        inside = (image < images) & (y >= 0) & (y < height)
        for piece in tl.static_range(pieces):
            at_x = first_x[:, None] + (piece + k // c_in)
            mask = inside[:, None] & (at_x >= 0) & (at_x < width) & (k < window * c_in)
            pixel = tl.load(x + (start * c_in)[:, None] + (piece * c_in + k), mask=mask, other=0.0)
            pixels = pixels + (pixel,)  # noqa: RUF005

    added = ()
    if has_other:  # loaded before the products, which it would wait for
        for row in tl.static_range(rows):
            y = band * rows + row
            start = (image * out_height + y) * out_width + column * wide
            mask = ((image < images) & (y < out_height))[:, None]
            mask = mask & (column[:, None] * wide + n // c_out < out_width)
            summand = tl.load(other + (start * c_out)[:, None] + n, mask=mask, other=0.0)
            added = added + (summand,)  # noqa: RUF005

    shift = tl.load(bias + n % c_out).to(tl.float32)
    for row in tl.static_range(rows):
        total = tl.full((block_m, wide * c_out), 0.0, dtype=tl.float32)
        for tap in tl.static_range(3):
            for piece in tl.static_range(pieces):
                total = tl.dot(
                    pixels[(row * stride + tap) * pieces + piece],
                    matrices[tap * pieces + piece],
                    total,
                )
        y = band * rows + row
        start = (image * out_height + y) * out_width + column * wide
        places = (start * c_out)[:, None] + n
        mask = ((image < images) & (y < out_height))[:, None]
        mask = mask & (column[:, None] * wide + n // c_out < out_width)
        total = total + shift
        if has_other:
            total += added[row].to(tl.float32)
        if relu:
            total = tl.where(total < 0.0, 0.0, total)  # NaN stays NaN
        tl.store(out + places, total.to(out.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=["images", "tiles"])
def _layer(
    x: tl.tensor,
    w: tl.tensor,
    bias: tl.tensor,
    other: tl.tensor,
    out: tl.tensor,
    images: tl.tensor,
    tiles: tl.tensor,
    has_other: tl.constexpr,
    relu: tl.constexpr,
    c_in: tl.constexpr,
    c_out: tl.constexpr,
    height: tl.constexpr,
    width: tl.constexpr,
    stride: tl.constexpr,
    rows: tl.constexpr,
    wide: tl.constexpr,
    pieces: tl.constexpr,
    window: tl.constexpr,
    block_k: tl.constexpr,
    block_m: tl.constexpr,
    stages: tl.constexpr,
) -> None:
    """Compute one layer: a program keeps the weights and takes every n-th tile."""
    matrices = _all_banded(w, c_in, c_out, stride, wide, pieces, window, block_k)
    for number in tl.range(tl.program_id(0), tiles, tl.num_programs(0), num_stages=stages):
        _tile(
            x,
            matrices,
            bias,
            other,
            out,
            images,
            number,
            has_other,
            relu,
            c_in,
            c_out,
            height,
            width,
            stride,
            rows,
            wide,
            pieces,
            window,
            block_k,
            block_m,
        )


@dataclass(frozen=True)
class Tiling:
    """How the work of a layer is divided among programs.

    Attributes:
        rows: Rows of results of a patch.
        wide: Results of a row of a patch.
        pieces: Products for each row of taps: 1 for a whole window of pixels, or 3 for one tap
            each.
        block_m: Patches of a tile.
        warps: Warps of a program.
        stages: Tiles in progress at once in a program; 1 keeps the order of the source.
        programs: Programs of a multiprocessor.
    """

    rows: int
    wide: int
    pieces: int
    block_m: int
    warps: int
    stages: int
    programs: int


# By channels before and after, and the stride: the fastest of some ten each on an H200, with 8192
# images of CIFAR-10's sizes in float16.
TILINGS: Mapping[tuple[int, int, int], Tiling] = {
    (3, 16, 1): Tiling(8, 2, 1, 64, 4, 1, 8),
    (16, 16, 1): Tiling(2, 2, 1, 64, 2, 2, 4),
    (16, 32, 2): Tiling(1, 1, 1, 64, 4, 3, 2),
    (32, 32, 1): Tiling(2, 2, 1, 64, 4, 1, 2),
    (32, 64, 2): Tiling(1, 1, 3, 128, 8, 1, 2),
    (64, 64, 1): Tiling(1, 1, 3, 128, 8, 1, 2),
}


def _window(tiling: Tiling, stride: int) -> int:
    """Return the number of adjacent pixels of a product."""
    return stride * (tiling.wide - 1) + 3 if tiling.pieces == 1 else 1


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


def layer(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    other: Tensor | None,
    relu: bool,
    stride: int,
    tiling: Tiling | None = None,
) -> Tensor:
    """Return a convolution of 3×3 pixels with padding 1, plus ``other``, rectified.

    Sums are in float32. A pixel that is not finite makes NaN of results up to one pixel beyond its
    taps, where it is multiplied by a zero of the banded matrix: such a value is never hidden.

    Args:
        x: Shape (images, channels, h, w), channels-last.
        weight: Shape (out channels, channels, 3, 3), channels-last.
        bias: Shape (out channels,).
        other: Added to the result, of its shape and layout.
        relu: Whether negative results become zero.
        stride: 1 or 2.
        tiling: By default that of :data:`TILINGS`.
    """
    images, c_in, height, width = x.shape
    c_out = weight.shape[0]
    tiling = tiling or TILINGS[c_in, c_out, stride]
    size = ((height - 1) // stride + 1, (width - 1) // stride + 1)
    out = torch.empty(
        (images, c_out, *size),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    window = _window(tiling, stride)
    patches = images * -(-size[0] // tiling.rows) * -(-size[1] // tiling.wide)
    tiles = -(-patches // tiling.block_m)
    programs = min(tiles, tiling.programs * num_multiprocessors(x.device))
    with entered(x.device):
        _layer[(programs,)](
            x,
            weight,
            bias,
            x if other is None else other,
            out,
            images,
            tiles,
            has_other=other is not None,
            relu=relu,
            c_in=c_in,
            c_out=c_out,
            height=height,
            width=width,
            stride=stride,
            rows=tiling.rows,
            wide=tiling.wide,
            pieces=tiling.pieces,
            window=window,
            block_k=max(16, _power_of_two(window * c_in)),
            block_m=tiling.block_m,
            stages=tiling.stages,
            num_warps=tiling.warps,
        )
    return out
