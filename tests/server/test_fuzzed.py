"""Requests made by schemathesis from the server's own description: right ones, wrong ones, with ids that are
there and ids that are not. None is answered with a fault of ours, and each as the description says.

The seed is fixed and the examples are few, so that a change is blamed for what it broke.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.support.raw import asked
from tests.support.served import reply, served

CALL = {"tool_call": {"name": "f", "arguments": "{}"}}
SCRIPT = [reply([CALL], [{"text": "So."}], match="call"), reply([{"text": "Yes."}])]
CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance]

EXAMPLES = settings(
    max_examples=5, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with served(tmp_path_factory.mktemp("home"), SCRIPT) as made:
        yield made


@pytest.fixture(scope="module")
def ids(client: openai.OpenAI) -> dict[str, str]:
    """Ids of what is there, by the names of the parameters."""
    tool: Any = {"type": "function", "function": {"name": "f"}}
    assistant = client.beta.assistants.create(model="m", tools=[tool])
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id,
        thread={"messages": [{"role": "user", "content": "call"}]},
        poll_interval_ms=20,
    )
    message = client.beta.threads.messages.list(run.thread_id).data[0]
    step = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data[0]
    file = client.files.create(file=("a.txt", b"a"), purpose="assistants")
    return {
        "assistant_id": assistant.id,
        "thread_id": run.thread_id,
        "idle": client.beta.threads.create().id,
        "run_id": run.id,
        "message_id": message.id,
        "step_id": step.id,
        "file_id": file.id,
        "model": "scripted",
    }


def operations(client: openai.OpenAI) -> list[Any]:
    with asked(client, "GET", "/openapi.json") as response:
        schema = schemathesis.openapi.from_dict(json.loads(response.read()))
    found = [each.ok() for each in schema.get_all_operations()]
    # What deletes comes last: the others shall find what is there.
    return sorted(found, key=lambda each: each.method.upper() == "DELETE")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_makes_the_server_fail(
    client: openai.OpenAI, ids: dict[str, str], mode: GenerationMode
) -> None:
    headers = {"Authorization": f"Bearer {client.api_key}"}
    with requests.Session() as session:
        session.trust_env = False
        for operation in operations(client):

            @EXAMPLES
            @given(operation.as_strategy(generation_mode=mode), st.booleans())
            def ask(case: Any, there: bool) -> None:
                if there:
                    # The thread with the run that waits takes neither messages nor runs.
                    known = ids if "run_id" in case.path_parameters else ids | {"thread_id": ids["idle"]}
                    case.path_parameters = {
                        name: known.get(name, given) for name, given in case.path_parameters.items()
                    }
                    if isinstance(case.body, dict) and "assistant_id" in case.body:
                        case.body["assistant_id"] = ids["assistant_id"]
                response = case.call(
                    base_url=str(client.base_url), session=session, headers=headers, timeout=20
                )
                case.validate_response(response, checks=CHECKS)

            # Of a request without a body or a query there is no wrong one.
            with contextlib.suppress(Unsatisfiable):
                ask()
