"""Documents of a report: complete, escaped, self-contained, inside the page."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from html.parser import HTMLParser
from io import BytesIO

import pytest
from PIL import Image as Picture

from whyray.domain import Bilingual, Edit, ReportSection, ReportSentence, StructuredReport
from whyray.render.document import as_html, as_markdown, as_pdf, as_text
from whyray.render.wrap import columns

WHO, WHEN = "Dr <Li> & Wu", "2026-01-02T03:04:05Z"
BEFORE = Bilingual("右肺上野见结节影。", "Nodular shadow in the right upper lung field.")
LONG = Bilingual(
    "双肺见片状模糊影，密度不均匀，边缘模糊，" * 12 + "请结合临床。", "Hazy opacity in both lungs, " * 20 + "see text."
)
NASTY = Bilingual(
    '结节 <script>alert("1")</script> & *星* |表| `码`。', "1. Nodule <img src=x onerror=y> & *star* |cell| `code`."
)
MM = 72 / 25.4


def report(sentences: tuple[ReportSentence, ...] | None = None) -> StructuredReport:
    own = sentences or (
        ReportSentence("S1", LONG, ("E1", "E2"), ("hazy",)),
        ReportSentence("S2", NASTY, tuple(f"E{n}" for n in range(3, 60))),
        ReportSentence(
            "S3", Bilingual("无结节。", "No nodule."), edit=Edit(WHO, WHEN, BEFORE, Edit("Dr Wu", "2025", NASTY))
        ),
    )
    return StructuredReport(
        template="general",
        title=Bilingual("胸部X线报告", "Chest radiograph report"),
        facts=(
            (Bilingual("影像校验值", "Film (SHA-256)"), Bilingual("ab" * 32, "ab" * 32)),
            (Bilingual("模型", "Model"), Bilingual("chest-0.2.0", "chest-0.2.0")),
            (Bilingual("知识包", "Knowledge pack"), Bilingual("chest 0.2.0", "chest 0.2.0")),
        ),
        sections=(ReportSection("lungs", Bilingual("肺", "Lungs"), own),),
        notice=Bilingual("仅供研究，不用于诊断", "Research use only, not for diagnosis"),
    )


def png(width: int, height: int) -> bytes:
    out = BytesIO()
    Picture.new("RGB", (width, height), (20, 40, 60)).save(out, "PNG")
    return out.getvalue()


def flat(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_text_says_everything_inside_its_width(lang):
    text = as_text(report(), lang)
    lines = text.splitlines()
    assert max(columns(line) for line in lines) <= 80
    assert lines[-1] == report().notice.get(lang)
    for part in (
        LONG.get(lang),
        NASTY.get(lang),
        "[E1, E2]",
        "E59",
        "ab" * 32,
        "chest-0.2.0",
        WHO,
        WHEN,
        BEFORE.get(lang),
        "Dr Wu",
    ):
        assert flat(part) in flat(text), part
    assert max(columns(line) for line in as_text(report(), lang, width=40).splitlines()) <= 40


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_markdown_escapes_and_shows_the_picture(lang):
    text = as_markdown(report(), lang, "film 1.png")
    assert f"# {report().title.get(lang)}" in text
    assert "](<film 1.png>)" in text
    assert "![" not in as_markdown(report(), lang)
    assert not re.search(r"(?<!\\)<(?!film)", text)
    assert not re.search(r"(?<!\\)[|`]", text)
    assert r"\[E1, E2\]" in text
    assert report().notice.get(lang) in text
    assert WHEN in text
    assert not re.search(r"^- 1\. ", text, re.M), "a number at the start would open a list of its own"


class Reader(HTMLParser):
    """Tags, texts by language, addresses, and whether every tag is closed."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.attributes: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "action", "srcset")]
        assert not [k for k, _ in attrs if k.startswith("on")], "no event handlers"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
def test_html_is_whole_escaped_and_needs_nothing_else(lang):
    page = read(as_html(report(), lang, png(40, 30)))
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    for one in ("zh", "en") if lang == "both" else (lang,):
        for part in (LONG, NASTY, BEFORE, report().title, report().notice):
            assert flat(part.get(one)) in flat(page.text)
    for part in ("[E1, E2]", "E59", "ab" * 32, "chest-0.2.0", WHO, WHEN):
        assert flat(part) in flat(page.text)
    assert page.text.count(report().notice.get("en" if lang == "en" else "zh")) == 2
    assert "url(" not in as_html(report(), lang)
    assert "@import" not in as_html(report(), lang)
    assert "default-src 'none'" in as_html(report(), lang)


def test_html_is_accessible():
    page = read(as_html(report(), "both", png(40, 30)))
    root = next(a for tag, a in page.attributes if tag == "html")
    assert root["lang"] == "zh-CN"
    assert {a.get("lang") for tag, a in page.attributes if tag == "span" and "lang" in a} == {"zh-CN", "en"}
    assert all(a.get("alt") for tag, a in page.attributes if tag == "img")
    assert page.tags.count("h1") == 1
    ids = [a["id"] for _, a in page.attributes if "id" in a]
    assert len(ids) == len(set(ids))
    labelled = [a["aria-labelledby"] for tag, a in page.attributes if tag == "section"]
    assert labelled
    assert set(labelled) <= set(ids)
    assert read(as_html(report(), "en")).attributes[0][1] == {"lang": "en"}


def streams(pdf: bytes) -> list[bytes]:
    """Decompressed streams of a PDF."""
    out = []
    for body in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S):
        try:
            out.append(zlib.decompress(body))
        except zlib.error:
            out.append(body)
    return out


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
def test_pdf_embeds_the_font_and_no_address(lang):
    pdf = as_pdf(report(), lang, png(40, 30))
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile3" in pdf, "OpenType with CFF outlines, embedded"
    assert b"/URI" not in pdf
    assert b"/JavaScript" not in pdf
    assert len(pdf) < 400_000, "a subset, not the whole font"


def drawn(pdf: bytes) -> tuple[float, float, float, float]:
    """Width, height, x, y in points of the picture."""
    number = rb"(-?[\d.]+)"
    found = [
        m
        for s in streams(pdf)
        for m in re.findall(
            rb"q " + number + rb" 0 0 " + number + rb" " + number + rb" " + number + rb" cm /I\d+ Do", s
        )
    ]
    assert len(found) == 1
    return tuple(float(v) for v in found[0])  # type: ignore[return-value]


@pytest.mark.parametrize("size", [(1600, 400), (400, 1600), (64, 64), (1476, 1066)])
def test_the_picture_is_scaled_whole_into_the_page(size):
    width, height, x, y = drawn(as_pdf(report(), "zh", png(*size)))
    assert width / height == pytest.approx(size[0] / size[1], rel=0.01)
    assert x >= 17 * MM
    assert x + width <= (210 - 17) * MM
    assert y >= 20 * MM
    assert height <= 106 * MM


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} (poppler) is not installed")
    return found


def text_of(pdf: bytes, *options: str) -> str:
    done = subprocess.run([tool("pdftotext"), *options, "-", "-"], input=pdf, capture_output=True, check=True)
    return done.stdout.decode("utf-8")


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
def test_pdf_text_can_be_read_again_and_stays_inside_the_margins(lang):
    pdf = as_pdf(report(), lang, png(300, 200))
    text = flat(text_of(pdf))
    for one in ("zh", "en") if lang == "both" else (lang,):
        for part in (NASTY, BEFORE, report().title, report().notice):
            assert flat(part.get(one)) in text
    for part in ("[E1,E2]", "E59", "ab" * 32, "chest-0.2.0", flat(WHO)):
        assert part in text
    boxes = [
        [float(v) for v in m]
        for m in re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)"', text_of(pdf, "-bbox"))
    ]
    assert boxes
    assert min(b[0] for b in boxes) >= 17 * MM
    assert max(b[2] for b in boxes) <= (210 - 17) * MM
    assert max(b[3] for b in boxes) <= (297 - 8) * MM


def test_long_reports_go_on_over_pages_that_all_carry_the_line_and_number():
    many = tuple(
        ReportSentence(f"S{n}", Bilingual(f"第{n}句。" + "双肺见片状模糊影，" * 8, f"Sentence {n}."), (f"E{n}",))
        for n in range(60)
    )
    pdf = as_pdf(report(many), "zh")
    assert pages(pdf) >= 3
    text = text_of(pdf)
    parts = text.split("\f")[: pages(pdf)]
    assert len(parts) == pages(pdf)
    for number, part in enumerate(parts, start=1):
        assert "仅供研究，不用于诊断" in part
        assert f"第{number}页，共{pages(pdf)}页" in flat(part)
    for n in range(60):
        assert flat(text).count(f"第{n}句。") == 1
        assert f"[E{n}]" in text


def test_a_character_outside_the_font_does_not_stop_the_print():
    odd = ReportSentence("S1", Bilingual("结节😀。", "Nodule \U0001f600."))
    assert as_pdf(report((odd,)), "zh").startswith(b"%PDF-")
