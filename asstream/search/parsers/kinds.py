"""What kind of file it is: by its content where that tells, else by its name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from asstream.search.protocol import Unreadable

_HEAD: Final = 8192

_BY_SUFFIX: Final = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".csv": "csv",
    ".tsv": "csv",
}
"""Kinds of text; everything else that is text is read as it is."""

_OFFICE: Final = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}
_OTHER_MAGIC: Final = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"SQLite format 3": "a SQLite database",
    b"{\\rtf": "an RTF document",
}
_READ: Final = (
    "Files that can be searched are text of any kind, md, html, json, csv, code, pdf, docx, pptx and xlsx."
)
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")


def kind_of(path: Path, filename: str, unpacked_mb: int) -> str:
    """`pdf`, `docx`, `pptx`, `xlsx`, `html`, `markdown`, `csv` or `text`. Raises Unreadable for others.

    Args:
        unpacked_mb: the most that a file which is an archive inside may unpack to.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise Unreadable("invalid_file", f"The file {filename} is empty.")
    if head.lstrip()[:5] == b"%PDF-":
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _in_zip(path, filename, unpacked_mb)
    if head.startswith(_OLE):
        raise _old_office(path, filename)
    for magic, name in _OTHER_MAGIC.items():
        if head.startswith(magic):
            raise Unreadable("unsupported_file", f"The file {filename} is {name}. {_READ}")
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("unsupported_file", f"The file {filename} is no text. {_READ}")
    return _BY_SUFFIX.get(Path(filename).suffix.lower(), "text")


def _in_zip(path: Path, filename: str, unpacked_mb: int) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            # What an archive says too little of, `zipfile` does not unpack.
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable("invalid_file", f"The file {filename} is damaged: {error}.") from error
    if size > unpacked_mb * 10**6:
        message = f"The file {filename} unpacks to {size / 10**6:,.0f} MB; the limit is {unpacked_mb:,} MB."
        raise Unreadable("invalid_file", message)
    if "[Content_Types].xml" in names:
        for folder, kind in _OFFICE.items():
            if any(name.startswith(folder) for name in names):
                return kind
    raise Unreadable("unsupported_file", f"The file {filename} is an archive. {_READ}")


def _old_office(path: Path, filename: str) -> Unreadable:
    """Word, Excel and PowerPoint put what is encrypted into the container of their old formats."""
    with path.open("rb") as file:
        start = file.read(1 << 20)
    if _ENCRYPTED in start:
        return Unreadable("invalid_file", f"The file {filename} is encrypted. Save it without a password.")
    advice = "Save it as docx, xlsx or pptx."
    return Unreadable("unsupported_file", f"The file {filename} is in an old Office format. {advice}")
