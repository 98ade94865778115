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
        (["layer4.*"], None, ["layer4.*"]),
        (["layer4.*", "!*.bias"], "trainable", ["trainable", "layer4.*", "!*.bias"]),
    ],
)
def test_patterns_select_among_the_models_own(
    only: list[str], own: str | None, expected: list[str]
) -> None:
    assert list(_selected(only, own)) == expected
