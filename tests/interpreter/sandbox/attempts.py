"""Every attempt to get out."""

from __future__ import annotations

from tests.interpreter.sandbox.attempts_on_files import FILES
from tests.interpreter.sandbox.attempts_on_processes import PROCESSES
from tests.interpreter.sandbox.attempts_on_the_kernel import KERNEL, SIZES
from tests.interpreter.sandbox.attempts_on_the_network import NETWORK

ATTEMPTS = [*FILES, *PROCESSES, *NETWORK, *KERNEL, *SIZES]
