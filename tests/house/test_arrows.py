"""Dependencies point down only: every import of every module is held against the table of the house."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "asstream"

MAY_IMPORT = {
    "errors": set(),
    "configfile": {"errors"},
    "config": {"configfile", "errors"},
    "render": {"errors"},
    "handlers": {"render", "errors"},
    "runtime.models": {"search", "errors"},
    "interpreter": {"errors"},
    "search": {"errors"},
    "runtime": {"runtime.models.protocol", "interpreter.protocol", "search", "errors"},
    "server": {"runtime", "runtime.models.protocol", "search", "errors"},
    "endpoints": {"server", "runtime", "runtime.models", "interpreter", "search", "config", "errors"},
    "chat": {"handlers", "render", "config", "errors"},
    "cli": {
        "chat",
        "endpoints",
        "server",
        "handlers",
        "render",
        "runtime",
        "runtime.models",
        "interpreter",
        "config",
        "errors",
    },
    "__main__": {"cli"},
    "__init__": {"handlers", "endpoints", "errors", "config", "chat"},
}
"""Which part may import which. Every part may import itself and the package (for its version)."""

FORBIDDEN_EVERYWHERE = {"httpx", "httpx2", "httpcore", "click"}
"""The SDK's HTTP library changed its name between major versions, and Typer needs no click."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(module: str) -> str:
    """`runtime.models.local` → `runtime.models`; `server.app` → `server`."""
    return "runtime.models" if module.startswith("runtime.models") else module.split(".")[0]


def imported(path: Path) -> set[str]:
    """The modules that a file imports, as full names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative imports hide where an arrow points"
            names.add(node.module)
            # `from asstream.runtime import rows` imports a module, `from … import Kind` does not.
            names |= {
                f"{node.module}.{alias.name}" for alias in node.names if is_module(node.module, alias.name)
            }
    return names


def is_module(package: str, name: str) -> bool:
    """Whether `name` is a module or package of ours in `package`."""
    path = PACKAGE.parent.joinpath(*package.split("."), name)
    return path.is_dir() or path.with_suffix(".py").is_file()


def allowed(name: str, own: str) -> bool:
    """Whether the part `own` may import the module `name` of this package (without the package's name)."""
    if part_of(name) == own:
        return True
    return any(name == target or name.startswith(f"{target}.") for target in MAY_IMPORT[own])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_below_it(path: Path) -> None:
    own = part_of(".".join(path.relative_to(PACKAGE).with_suffix("").parts))
    parts = {part_of(name) for name in MAY_IMPORT}
    for name in imported(path):
        if not name.startswith("asstream."):
            continue
        module = name.removeprefix("asstream.")
        if part_of(module) in parts and module != "__version__":
            assert allowed(module, own), f"{own} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_what_the_sdk_may_swap(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported(path)} & FORBIDDEN_EVERYWHERE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_configuration_reads_the_environment(path: Path) -> None:
    names = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    writers = {"config.py", "endpoint_environment.py"}
    assert path.name in writers or not names & {"os.environ", "os.getenv"}, f"{path} reads os.environ"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_has_400_lines_at_most(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_the_renderer_knows_nothing_of_the_sdk() -> None:
    for path in (PACKAGE / "render").rglob("*.py"):
        assert not any(name.split(".")[0] == "openai" for name in imported(path)), path


def test_there_is_no_module_for_leftovers() -> None:
    assert not [path for path in MODULES if path.stem in ("utils", "util", "helpers", "common", "misc")]
