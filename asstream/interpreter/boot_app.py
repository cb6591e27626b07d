"""The kernel application as it runs in the sandbox: ipykernel with our streams, quiet, without history."""

from __future__ import annotations

from typing import Any

import zmq
from ipykernel.iostream import IOPubThread
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from traitlets.config import Config

from asstream.interpreter.boot_output import Capture, OrderedSession, Output, Stream
from asstream.interpreter.last_words import Words


class Kernel(IPythonKernel):
    """An IPython kernel whose cells have an end to their output."""

    output: Output

    async def do_execute(self, code: str, silent: bool, *args: Any, **kwargs: Any) -> Any:
        """Run a cell; when this returns, all it said has been given to the sending thread."""
        self.output.begin()
        try:
            return await super().do_execute(code, silent, *args, **kwargs)
        finally:
            self.output.end()

    def raw_input(self, prompt: str = "") -> str:
        """Refused: nobody sits at this end."""
        raise EOFError("input() is not available here: nobody can answer. Put the value into the code.")

    def getpass(self, prompt: str = "", stream: Any = None, *, echo_char: str | None = None) -> str:
        """Refused as well."""
        return self.raw_input()


class App(IPKernelApp):
    """The application, with an IOPub socket that loses nothing."""

    def init_iopub(self, context: zmq.Context[Any]) -> None:
        """As in the base class, but without a limit, by which a slow reader lost thousands of messages, and
        without the TCP port for forks.
        """
        self.iopub_socket = context.socket(zmq.XPUB)
        self.iopub_socket.linger = 1000
        self.iopub_socket.sndhwm = 0
        self.iopub_port = self._bind_socket(self.iopub_socket, self.iopub_port)
        self.configure_tornado_logger()
        self.iopub_thread = IOPubThread(self.iopub_socket, pipe=False, session=self.session)
        self.iopub_thread.start()
        self.iopub_socket = self.iopub_thread.background_socket


def make_app(connection_file: str, words: Words, settings: dict[str, Any]) -> tuple[Any, Output]:
    """The application, its sockets bound, and what its cells say."""
    output = Output(settings["output_kb"], settings["image_bytes"], words)
    Stream.output = OrderedSession.output = Kernel.output = output
    config = Config()
    config.IPKernelApp.connection_file = connection_file
    config.IPKernelApp.log_level = 50
    config.IPKernelApp.capture_fd_output = False
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.cache_size = 0
    config.InteractiveShell.xmode = "Context"
    config.InlineBackend.figure_formats = {"png"}
    app = App(kernel_class=Kernel, outstream_class=f"{Stream.__module__}.Stream", config=config)
    app.session = OrderedSession(parent=app, config=config)
    output.capture = Capture(output)
    app.initialize([])
    return app, output
