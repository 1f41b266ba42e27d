"""Other forms of a pack: JSON with everything, Turtle and FHIR that keep their rules, a page that stands alone."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from whyray.domain import ArgumentError
from whyray.knowledge import FORMS, export, load_pack, load_packs, statistics

PAGE = Path(__file__).parents[2] / "docs" / "kb" / "index.html"
BASE = "https://github.com/whyray/whyray/kb/"
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
FHIR_CODE = re.compile(r"[^\s]+(\s[^\s]+)*")
VALUES = {"code": "valueCode", "string": "valueString", "boolean": "valueBoolean", "Coding": "valueCoding"}
REQUIRED = {"resourceType", "id", "url", "version", "name", "title", "status", "description"}


@pytest.fixture(scope="module")
def chest():
    (pack,) = (p for p in load_packs() if p.id == "chest")
    return pack


@pytest.fixture(scope="module")
def bundle(chest):
    return json.loads(export(chest, "fhir"))


@pytest.fixture(scope="module")
def code_system(bundle):
    return bundle["entry"][0]["resource"]


def test_an_unknown_form_is_refused_with_those_there_are(chest):
    with pytest.raises(ArgumentError, match="FORM_UNKNOWN") as caught:
        export(chest, "pdf")
    assert all(form in caught.value.hint.en for form in FORMS)


def test_json_holds_every_entry_field_by_field(chest):
    document = json.loads(export(chest, "json"))
    assert document["schema"] == "whyray.pack/1"
    assert [s["id"] for s in document["signs"]] == [s.id for s in chest.signs]
    assert document["rules"][0]["when"] == chest.rules[0].when
    assert document["diagnoses"][0]["weights"][0]["lr_present"] == chest.diagnoses[0].weights[0].lr_present
    assert document["signs"][0]["name"] == chest.signs[0].name.as_dict()


def test_the_bundle_has_what_fhir_requires(bundle):
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls) >= 4
    for entry in bundle["entry"]:
        resource = entry["resource"]
        assert set(resource) >= REQUIRED
        assert resource["url"] == entry["fullUrl"]
        assert resource["url"].startswith(BASE)
        assert FHIR_ID.fullmatch(resource["id"])
        assert re.fullmatch(r"[A-Z][A-Za-z0-9_]{0,254}", resource["name"])
        assert resource["status"] in ("draft", "active", "retired", "unknown")


def test_the_code_system_defines_what_it_uses(chest, code_system):
    assert (code_system["resourceType"], code_system["content"]) == ("CodeSystem", "complete")
    types = {p["code"]: p["type"] for p in code_system["property"]}
    codes = [concept["code"] for concept in code_system["concept"]]
    assert code_system["count"] == len(codes) == len(set(codes))
    assert set(codes) == {s.id for s in chest.signs if not s.learned} | {d.id for d in chest.diagnoses}
    for concept in code_system["concept"]:
        assert FHIR_CODE.fullmatch(concept["code"])
        assert concept["display"].strip()
        assert concept["definition"].strip()
        assert any(d["language"] == "zh" for d in concept["designation"])
        for held in concept["property"]:
            (value,) = set(held) - {"code"}
            assert value == VALUES[types[held["code"]]]
            if held["code"] in ("diagnosis", "coreSign"):
                assert held["valueCode"] in codes
            if value == "valueCoding":
                assert held["valueCoding"]["system"].startswith("http")
                assert held["valueCoding"]["code"]


def test_value_sets_draw_on_the_code_system(bundle, code_system):
    properties = {p["code"] for p in code_system["property"]}
    sets = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "ValueSet"]
    assert code_system["valueSet"] in {s["url"] for s in sets}
    for value_set in sets:
        (include,) = value_set["compose"]["include"]
        assert include["system"] == code_system["url"]
        assert {f["property"] for f in include.get("filter", [])} <= properties
        assert {f["op"] for f in include.get("filter", [])} <= {"="}


def test_every_code_of_the_pack_is_in_the_code_system(chest, code_system):
    held = {
        (concept["code"], p["valueCoding"]["code"])
        for concept in code_system["concept"]
        for p in concept["property"]
        if p["code"] == "map"
    }
    single = {(e.id, code) for e in (*chest.signs, *chest.diagnoses) for k, code in e.codes.items()
              if k not in ("composed", "mesh")}  # fmt: skip
    assert held == single


def test_turtle_is_made_of_whole_statements(chest):
    text = export(chest, "ttl")
    statements = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)
    assert '"' not in statements.replace('""', "")
    assert statements.count("<") == statements.count(">")
    blocks = [block for block in statements.split("\n\n") if block.strip() and not block.startswith("@prefix")]
    assert all(block.rstrip().endswith(".") for block in blocks)
    used = set(re.findall(r"(?<![\w<:/])([a-z]+):[A-Za-z]", statements))
    assert used <= set(re.findall(r"@prefix (\w+):", text))
    assert text.count("a skos:Concept ;") == sum(not s.learned for s in chest.signs) + len(chest.diagnoses)
    assert "exactMatch" not in text


def test_turtle_parses_where_a_parser_is_installed(chest):
    rdflib = pytest.importorskip("rdflib")
    graph = rdflib.Graph().parse(data=export(chest, "ttl"), format="turtle")
    labels = list(graph.subject_objects(rdflib.SKOS.prefLabel))
    assert len(labels) == 2 * (sum(not s.learned for s in chest.signs) + len(chest.diagnoses))


def test_turtle_escapes_quotes_and_lines(small):
    small.replace("signs/all.yaml", "source: made up", 'source: "a \\"quoted\\\\ word\\nand a line"')
    assert r'dct:source "a \"quoted\\ word\nand a line"' in export(load_pack(small.folder), "ttl")


class Page(HTMLParser):
    """Ids, link targets, external addresses and open elements of a page."""

    EMPTY = ("meta", "input", "br", "link", "img")

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.addresses, self.open, self.texts = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        fields = dict(attrs)
        self.ids += [fields["id"]] if "id" in fields else []
        self.links += [fields["href"]] if "href" in fields else []
        self.addresses += [v for k, v in attrs if k in ("src", "href", "action") and not (v or "").startswith("#")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_its_links_lead_somewhere(chest):
    text = export(chest, "html")
    page = Page(text)
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert set(page.links) <= {f"#{i}" for i in page.ids}
    assert page.addresses == []
    assert "{{" not in text
    assert not re.search(r"https?://|@import|url\(", text.split("<main>")[0])
    assert {s.id for s in chest.signs if not s.learned} <= set(page.ids)


def test_the_page_speaks_both_languages_and_escapes(small):
    small.replace("signs/all.yaml", "{zh: 白影, en: white}", "{zh: 白<影>, en: white & <b>bold</b>}")
    text = export(load_pack(small.folder), "html")
    assert '<span lang="zh">白&lt;影&gt;</span><span lang="en">white &amp; &lt;b&gt;bold&lt;/b&gt;</span>' in text
    assert "<b>" not in text


def test_the_committed_page_is_of_this_pack(chest):
    """Its header is compared, not every byte: it is made by ``whyray kb export --format html``."""
    head = PAGE.read_text("utf-8")[:1000]
    numbers = statistics(chest)
    assert f'name="whyray-pack" content="{chest.id} {chest.version}"' in head
    counts = " ".join(f"{key}={numbers[key]}" for key in ("signs", "diagnoses", "pathways"))
    assert f'name="whyray-counts" content="{counts}"' in head
