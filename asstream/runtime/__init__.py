"""The embedded runtime: objects, state tables, the run engine, the event log and the store.

It knows no terminal and no HTTP. Who uses it: `open_runtime(home, source)`, then the nouns of `Runtime`.
"""

from asstream.runtime.interpreting import CodeOptions
from asstream.runtime.runtime import Runtime, open_runtime
from asstream.runtime.searching import SearchOptions

__all__ = ["CodeOptions", "Runtime", "SearchOptions", "open_runtime"]
