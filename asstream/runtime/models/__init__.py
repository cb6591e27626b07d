"""Models behind the runtime: the protocol, and what implements it."""
