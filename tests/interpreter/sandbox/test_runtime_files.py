"""What is readable inside is the interpreter, and nothing beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asstream.interpreter.sandbox.runtime_files import runtime_files, straight


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that is a virtual environment as well, its interpreter a link to a link."""
    project = tmp_path / "project"
    for folder in ("bin", "lib", "src"):
        (project / folder).mkdir(parents=True)
    for name in ("pyvenv.cfg", ".env", "src/boot.py"):
        (project / name).write_text("")
    base = tmp_path / "python-3.11.7"
    (base / "bin").mkdir(parents=True)
    (base / "lib").mkdir()
    (base / "bin" / "python").write_text("")
    (tmp_path / "python-3.11").symlink_to("python-3.11.7")
    (project / "bin" / "python").symlink_to(tmp_path / "python-3.11" / "bin" / "python")
    monkeypatch.setattr(sys, "prefix", str(project))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "python-3.11"))
    return project


def names(project: Path, *arguments: str) -> set[str]:
    found = runtime_files([str(project / "bin" / "python"), *arguments])
    return {str(path.relative_to(project.parent)) for path in found}


BASE = {f"python-{version}/{part}" for version in ("3.11", "3.11.7") for part in ("bin", "lib")}
ENVIRONMENT = {"project/bin", "project/lib", "project/pyvenv.cfg"}


def test_of_an_environment_only_its_parts_are_read(project: Path) -> None:
    assert names(project) == BASE | ENVIRONMENT


def test_the_script_is_read_and_what_lies_beside_it_is_not(project: Path) -> None:
    assert names(project, "-u", "-I", str(project / "src/boot.py")) == BASE | ENVIRONMENT | {
        "project/src/boot.py"
    }


def test_arguments_are_not_read_even_where_they_name_files(project: Path) -> None:
    secret = str(project / ".env")
    assert names(project, str(project / "src/boot.py"), secret) == names(
        project, str(project / "src/boot.py")
    )
    assert names(project, "-c", "pass", secret) == BASE | ENVIRONMENT
    assert names(project, "-m", "module", secret) == BASE | ENVIRONMENT


def test_what_is_covered_is_not_named_again(project: Path) -> None:
    assert runtime_files([str(project / "bin" / "python")], [project.parent]) == []


def test_a_path_with_dots_is_made_straight_and_a_link_at_its_end_stays_one(project: Path) -> None:
    (project.parent / "link").symlink_to(project / "src")
    # Behind the link: by its name alone this would be beside the project.
    program = project.parent / "link" / ".." / "bin" / "python"
    assert straight(program) == project / "bin" / "python"
    assert straight(project.parent / "link" / "boot.py") == project.parent / "link" / "boot.py"
    found = runtime_files([str(program), "-u", str(project.parent / "link" / ".." / "src" / "boot.py")])
    assert found == runtime_files([str(project / "bin" / "python"), "-u", str(project / "src" / "boot.py")])
