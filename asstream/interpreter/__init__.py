"""The code interpreter: model-written Python in sandboxed Jupyter kernels, one session for each thread.

Knows Jupyter and the operating system; nothing of runs, of the wire or of terminals. `protocol` is the whole
contract with whoever runs code.
"""
