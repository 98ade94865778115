"""What --only and --except mean for a model that comes with a selection of its own."""

import pytest

from landscape.commands.inputs import _selected


@pytest.mark.parametrize(
    ("only", "own", "expected"),
    [
        ([], None, []),
        ([], "trainable", ["trainable"]),
        (["!*lora_B*"], "trainable", ["trainable", "!*lora_B*"]),
        (["!*.bias"], None, ["!*.bias"]),
        (["layer4.*", "!*.bias"], "trainable", ["layer4.*", "!*.bias"]),
    ],
)
def test_leaving_out_keeps_the_models_own_selection(
    only: list[str], own: str | None, expected: list[str]
) -> None:
    assert list(_selected(only, own)) == expected
