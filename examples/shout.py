"""A handler in five lines: `asstream chat --handler examples/shout.py:Shout`."""

from asstream import PlainHandler


class Shout(PlainHandler):
    """Prints the reply in capitals, as it comes."""

    def on_text_delta(self, delta, snapshot):  # type: ignore[no-untyped-def]
        delta.value = delta.value.upper()
        super().on_text_delta(delta, snapshot)
