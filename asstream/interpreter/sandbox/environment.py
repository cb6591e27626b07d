"""The variables that a kernel starts with: made here, none taken over from this process."""

from __future__ import annotations

import sys


def environment(home: str, *, temporary: str = "/tmp") -> dict[str, str]:  # noqa: S108  inside the sandbox
    """As the field's packages want them: figures inline, caches in `home`, one thread for linear algebra."""
    return {
        "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": temporary,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": f"{home}/matplotlib",
        "IPYTHONDIR": f"{home}/ipython",
        "JUPYTER_RUNTIME_DIR": f"{home}/jupyter",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
