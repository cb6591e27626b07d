"""The sandbox around a kernel: what is between code that a model wrote and this machine.

Knows the operating system; nothing of kernels. `choose` finds the strongest sandbox that works here, a
`Sandbox` prepares a `Launch`, whoever starts kernels starts it.
"""

from asstream.interpreter.sandbox.choosing import Finding, choose, look
from asstream.interpreter.sandbox.place import DATA, Launch, Place, Sandbox

__all__ = ["DATA", "Finding", "Launch", "Place", "Sandbox", "choose", "look"]
