"""The embedded runtime: objects, state tables, the run engine, the event log and the store. It knows no terminal and no HTTP."""
