"""Pictures for models that can't see, and what endpoints say of that."""

from __future__ import annotations

from typing import Any

import pytest

from asstream.runtime.models import vision
from asstream.runtime.models.protocol import ModelError, ModelRequest, TextDelta
from tests.runtime.models.conftest import FakeEndpoint, delta, refusal, turn

PICTURE: Any = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:,"}},
    ],
}
LATER: Any = [PICTURE, {"role": "assistant", "content": "A cat."}, {"role": "user", "content": "Sure?"}]
NO_SIGHT = "this model does not support image input"


@pytest.mark.parametrize(
    ("said", "blind"),
    [
        ("Invalid content type. image_url is only supported by certain models.", True),
        (NO_SIGHT, True),
        (
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            True,
        ),
        ("m is not a multimodal model", True),
        ("messages[0]: unknown variant `image_url`, expected `text`", True),
        ("No endpoints found that support image input", True),
        ("Image input is not enabled for this model", True),
        ("'messages.0' : for 'role:user' messages.0.content must be a string", True),
        ("The image format is not supported by the API", False),
        ("this model does not support tools", False),
        ("You uploaded an unsupported image", False),
    ],
)
def test_endpoints_words_for_a_model_that_sees_nothing(said: str, blind: bool) -> None:
    assert vision.is_refusal(said) is blind


def test_a_picture_that_nobody_sees_fails_the_turn_and_says_what_to_do(fake: FakeEndpoint) -> None:
    fake.says(refusal(500, message=NO_SIGHT))
    with pytest.raises(ModelError, match=r"m at .* can't see images: this model .*Name a model with vision"):
        turn(fake, ModelRequest([PICTURE]))
    assert len(fake.requests) == 1  # asking again would bring the same answer


def test_a_picture_that_was_answered_before_becomes_a_note(fake: FakeEndpoint) -> None:
    fake.says(refusal(400, message=NO_SIGHT), fake.stream(delta(content="Yes."), delta("stop")))
    assert TextDelta("Yes.") in turn(fake, ModelRequest(LATER))
    assert fake.requests[0]["messages"] == LATER
    assert fake.requests[1]["messages"][0]["content"][1] == {"type": "text", "text": vision.NOTE}


def test_a_picture_still_waits_where_only_functions_were_called_since() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{}]}
    assert vision.wait_for_answer([PICTURE, call, {"role": "tool", "content": "x"}])
    assert not vision.wait_for_answer(LATER)
