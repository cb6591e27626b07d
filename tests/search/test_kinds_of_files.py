"""Every kind of file is read by the process that reads files, and what can't be read says why."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from pptx import Presentation
from pptx.util import Inches
from pypdf import PdfReader, PdfWriter

from asstream.search import Library, ReadingLimits, Unreadable

Write = Callable[[str, str | bytes], Path]


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text on each page."""
    count = len(pages)
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(count))
    font = f"{3 + 2 * count} 0 R"
    bodies = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {count} >>"]
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        bodies += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + 2 * number} 0 R "
            f"/Resources << /Font << /F1 {font} >> >> >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    bodies.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(bodies) + 1
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    return f"{out}startxref\n{out.index('xref')}\n%%EOF\n".encode()


def encrypted_pdf(user_password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("Filip likes cake"))))
    writer.encrypt(user_password, "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def docx(body: str) -> bytes:
    office = "http://schemas.openxmlformats.org"
    main, kinds = (
        f'xmlns:w="{office}/wordprocessingml/2006/main"',
        f"{office}/officeDocument/2006/relationships",
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{office}/package/2006/content-types"><Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml"'
        ' ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{office}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{kinds}/officeDocument" Target="word/document.xml"/>'
        "</Relationships>",
        "word/styles.xml": f'<w:styles {main}><w:style w:type="paragraph"'
        ' w:styleId="Heading1"><w:name w:val="heading 1"/></w:style></w:styles>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{office}/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{kinds}/styles" Target="styles.xml"/>'
        "</Relationships>",
        "word/document.xml": f"<w:document {main}><w:body>{body}</w:body></w:document>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def paragraph(text: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def pptx() -> bytes:
    deck = Presentation()
    for title in ("Welcome", "Filip likes cake"):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "sugar", "flour"
    slide.notes_slide.notes_text_frame.text = "Mention the oven."
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def xlsx() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Prices"
    for row in (["fruit", "price"], [], ["apple", 1.5], ["pear", None]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

HTML = """<html><head><title>Notes</title><style>p {color: red}</style></head><body><h1>Food</h1>
<p>Filip <b>likes</b>
cake &amp; tea.</p><script>var hidden = "<p>x</p>";</script><table><tr><td>a</td><td>b</td></tr></table>
<h2>Drinks</h2><pre>  two
  lines</pre></body></html>"""


@pytest.mark.parametrize(
    ("name", "content", "text", "place"),
    [
        ("a.html", HTML, "Notes\nFood\nFilip likes cake & tea.\na\tb\nDrinks\n  two\n  lines", ""),
        ("a.pdf", pdf("Nothing", "Filip likes cake"), "Nothing\n\nFilip likes cake", "page 1"),
        ("a.pdf", encrypted_pdf(""), "Filip likes cake", "page 1"),
        (
            "a.docx",
            docx(paragraph("Food", "Heading1") + paragraph("Filip likes cake")),
            "Food\nFilip likes cake",
            "Food",
        ),
        (
            "a.pptx",
            pptx(),
            "Welcome\n\nFilip likes cake\nsugar\tflour\nMention the oven.",
            "slide 1",
        ),
        ("a.xlsx", xlsx(), "fruit\tprice\napple\t1.5\npear", "Prices, row 1"),
        ("a.csv", "fruit,price\napple,1.5\n", "fruit,price\napple,1.5", "row 1"),
        ("a.md", "# Food\n```\n# no heading\n```\n", "# Food\n```\n# no heading\n```", "Food"),
        ("a.json", '{"fruit": "äpple"}', '{"fruit": "äpple"}', ""),
        ("a.txt", "\ufeffäpple\r\n\x1b[31mred\x07".encode(), "äpple\n[31mred", ""),
        ("a.txt", "äpple".encode("utf-16"), "äpple", ""),
        ("a.txt", "äpple".encode("cp1252"), "äpple", ""),
        ("no suffix", "apple", "apple", ""),
        ("wrong.txt", pdf("Filip likes cake"), "Filip likes cake", "page 1"),
    ],
)  # fmt: skip
def test_a_file_is_read(
    library: Library, write: Write, name: str, content: str | bytes, text: str, place: str
) -> None:
    library.add("vs_1", "a", write("given", content), name)
    assert "".join(library.content("vs_1", "a")).strip() == text
    (hit,) = library.search(["vs_1"], [text])
    assert hit.place == place


@pytest.mark.parametrize(
    ("name", "content", "code", "reason"),
    [
        ("a.pdf", encrypted_pdf("secret"), "invalid_file", "encrypted"),
        ("a.pdf", pdf("", ""), "invalid_file", "no text in it. It may be scanned"),
        ("a.pdf", pdf("x")[:200], "invalid_file", "damaged"),
        ("a.docx", b"PK\x03\x04 and nothing else", "invalid_file", "damaged"),
        ("a.docx", docx("<w:p>"), "invalid_file", "damaged"),
        ("a.xlsx", OLE + "EncryptedPackage".encode("utf-16-le"), "invalid_file", "encrypted"),
        ("a.xls", OLE + bytes(600), "unsupported_file", "old Office format"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "unsupported_file", "a PNG image"),
        ("a.bin", bytes(50), "unsupported_file", "no text"),
        ("a.txt", b"", "invalid_file", "is empty"),
        ("a.txt", b" \n\t ", "invalid_file", "no text in it"),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_read_says_why(
    library: Library, write: Write, name: str, content: bytes, code: str, reason: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        library.add("vs_1", "a", write("given", content), name)
    assert caught.value.code == code
    assert reason in caught.value.message
    assert library.content("vs_1", "a") == []


def test_what_takes_too_much_is_refused_and_the_next_file_is_read(tmp_path: Path, write: Write) -> None:
    limits = ReadingLimits(megabytes=1, tokens=1000, memory_mb=160)
    library = Library(tmp_path / "search", limits=limits)
    bombs = [docx(paragraph("x") * size) for size in (700_000, 1_500_000)]
    assert all(len(bomb) < 10**6 for bomb in bombs)
    for content, reason in (
        (bytes(1_100_000), "1.1 MB; the limit is 1 MB"),
        ("word " * 2000, "more than 1,000 tokens"),
        (bombs[0], "more memory than 160 MiB"),
        (bombs[1], "unpacks to 51 MB; the limit is 40 MB"),
    ):
        with pytest.raises(Unreadable, match=reason) as caught:
            library.add("vs_1", "a", write("a", content), "a.txt")
        assert caught.value.code == "invalid_file"
    assert library.add("vs_1", "a", write("a", "apples"), "a.txt").chunks == 1
    library.close()


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, write: Write) -> None:
    library = Library(tmp_path / "search", limits=ReadingLimits(seconds=0.05, tokens=1 << 40))
    with pytest.raises(Unreadable, match=r"longer than 0\.05 seconds"):
        library.add("vs_1", "a", write("a", "word " * 20_000_000), "a.txt")
    library.close()
