"""Events in, callbacks out: each documented callback once, in order, with every delta, at a flat cost.

State is kept by message id and content index, and by step id, call index and output index, so that steps
and messages may interleave. A `created` that never came (a stream joined late) is made up for; what a
finished object holds beyond its deltas is given out as a last delta before its `done`. Knows the SDK's
events and a handler's callbacks; knows nothing of connections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from openai.types.beta.threads import Message, Run
from openai.types.beta.threads.runs import RunStep

from asstream.handlers.messages import MessageState
from asstream.handlers.steps import StepState

if TYPE_CHECKING:
    from openai.types.beta import AssistantStreamEvent

    from asstream.handlers.base import EventHandler

TERMINAL = frozenset({"completed", "incomplete", "failed", "cancelled", "expired"})
"""The states in which a run is over; `requires_action` ends a stream, and not the run."""


class Reducer:
    """The state of one run across its streams, and the table from event name to what is done about it."""

    def __init__(self, handler: EventHandler) -> None:
        self._handler = handler
        self.run: Run | None = None
        self.settled = False
        """The stream has brought its last event: the run is over, or waits for tool outputs."""
        self.messages: dict[str, MessageState] = {}
        self.steps: dict[str, StepState] = {}
        self.current_message: MessageState | None = None
        self.current_step: StepState | None = None
        self._run_over = False
        self._table: dict[str, Callable[[Any], None]] = {
            **{f"thread.run.{state}": self._run_goes_on for state in ("created", "queued", "in_progress")},
            "thread.run.cancelling": self._run_goes_on,
            "thread.run.requires_action": self._run_waits,
            **{f"thread.run.{state}": self._run_ends for state in TERMINAL},
            "thread.run.step.created": self._step_begins,
            "thread.run.step.in_progress": self._step_begins,
            "thread.run.step.delta": self._step_delta,
            **{
                f"thread.run.step.{state}": self._step_ends
                for state in ("completed", "failed", "cancelled", "expired")
            },
            "thread.message.created": self._message_begins,
            "thread.message.in_progress": self._message_begins,
            "thread.message.delta": self._message_delta,
            "thread.message.completed": self._message_ends,
            "thread.message.incomplete": self._message_ends,
        }

    def feed(self, event: AssistantStreamEvent) -> None:
        """Take one event in; names that are not in the table are for `on_event` alone."""
        act = self._table.get(event.event)
        if act is not None:
            act(event.data)

    @property
    def over(self) -> bool:
        """Whether the run has ended, so that a further stream belongs to another run."""
        return self._run_over

    # runs

    def _note(self, run: Run) -> None:
        if self.run is not None and run.id != self.run.id:  # the handler serves a further run
            self.messages, self.steps = {}, {}
            self.current_message = self.current_step = None
            self._run_over = False
        self.run = run

    def _run_goes_on(self, run: Run) -> None:
        self._note(run)

    def _run_waits(self, run: Run) -> None:
        self._note(run)
        self.settled = True
        self._handler.on_requires_action(run)

    def _run_ends(self, run: Run) -> None:
        self._note(run)
        self.settled = True
        if self._run_over:
            return
        self._run_over = True
        # A run cut short may leave parts without an end of their own: each `created` gets its `done`.
        for message in list(self.messages.values()):
            message.finish(message.snapshot)
        for step in list(self.steps.values()):
            step.finish(step.snapshot)
        self._handler.on_run_done(run)

    # steps

    def _step_begins(self, step: RunStep) -> None:
        state = self.steps.get(step.id)
        if state is None:
            state = self._new_step(step)
        self.current_step = state

    def _new_step(self, step: RunStep) -> StepState:
        snapshot = step.model_copy(deep=True)
        details = getattr(snapshot, "step_details", None)
        if details is not None and details.type == "tool_calls":
            details.tool_calls = []
        state = self.steps[step.id] = self.current_step = StepState(self._handler, snapshot)
        self._handler.on_run_step_created(snapshot)
        if getattr(step, "step_details", None) is not None:
            state.reconcile(step)
        return state

    def _step_delta(self, data: Any) -> None:
        state = self.steps.get(data.id)
        if state is None:
            details = data.delta.step_details
            state = self._new_step(self._unseen_step(data.id, details.type if details else "tool_calls"))
        state.apply(data.delta)

    def _unseen_step(self, step_id: str, kind: str) -> RunStep:
        details = {"type": kind, "tool_calls": []} if kind == "tool_calls" else {"type": kind}
        return RunStep.construct(
            id=step_id,
            object="thread.run.step",
            type=kind,
            status="in_progress",
            step_details=details,
            **self._belongs(),
        )

    def _step_ends(self, step: RunStep) -> None:
        state = self.steps.get(step.id)
        if state is None and self.run is None:
            # A stream that opens with the end of a step goes on from one that showed its beginning (so begins
            # every stream of submitted tool outputs): its calls are done here, and not created a second time.
            state = self.steps[step.id] = StepState(self._handler, step)
        state = state or self._new_step(step)
        state.finish(step)
        if self.current_step is state:
            self.current_step = None

    # messages

    def _message_begins(self, message: Message) -> None:
        state = self.messages.get(message.id)
        self.current_message = state or self._new_message(message)

    def _new_message(self, message: Message) -> MessageState:
        snapshot = message.model_copy(update={"content": []})
        state = self.messages[message.id] = MessageState(self._handler, snapshot)
        self.current_message = state
        self._handler.on_message_created(snapshot)
        state.reconcile(message)
        return state

    def _message_delta(self, data: Any) -> None:
        state = self.messages.get(data.id)
        if state is None:
            state = self._new_message(self._unseen_message(data.id))
        self.current_message = state
        state.apply(data.delta)

    def _unseen_message(self, message_id: str) -> Message:
        return Message.construct(
            id=message_id,
            object="thread.message",
            role="assistant",
            status="in_progress",
            content=[],
            attachments=[],
            metadata={},
            **self._belongs(),
        )

    def _message_ends(self, message: Message) -> None:
        state = self.messages.get(message.id) or self._new_message(message)
        self.current_message = state
        state.finish(message)

    def _belongs(self) -> dict[str, Any]:
        """What the wire would say of the place of an object whose `created` was not seen."""
        run = self.run
        if run is None:
            return {"created_at": 0, "run_id": "", "thread_id": "", "assistant_id": ""}
        return {
            "created_at": run.created_at,
            "run_id": run.id,
            "thread_id": run.thread_id,
            "assistant_id": run.assistant_id,
        }
