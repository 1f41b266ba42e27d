import importlib
import json

import pytest

from architecture.house import ROOMS, SRC

# What each room promises to export. A change here is a change of the interface: write it into the changelog.
EXPORTED = {
    "dialogue": """
        Answer Context Parse Place compose explain_parse label_of understand write_report
    """,
    "domain": """
        Anchor ArgumentError Attribute Basis Bilingual Caution Change ChecklistRow Contact Correction
        Counted CountedDiagnosis CountedPlaces CountedTable CountedWeight Counterfactual
        DetectorSpec DiagnosisDefinition Differential DifferentialRow Edit Engine Evidence Fact
        Figure FigureDefinition Finding Frame Geometry Image ImageRefused Instead Intent Landmark Lang
        Leaning Line Look LooksAgain Mark Match Measurement ModelCard ModelError Morphology Notice Observations
        OutputError Pack PackError PlaceLabel PlaceName Places Polarity Prior Quality Query Ratios
        Region Relation ReportForm ReportPlan ReportSection ReportSentence Revision Rule ScoreFn SecondLook
        SectionDefinition Sentence Session SignDefinition SignObservation SignPhrase SignWeight Span
        State Store Structure StructureDefinition StructuredReport Synonyms TableLabels Term Ticked
        Tier Trend Turn Variant Verdict View WhyrayError ZoneDefinition ZoneGroup without_opinion
    """,
    "engines": "ENGINES create find_folder read_card",
    "explain": "ERASERS counterfactual erase eraser random_region",
    "imaging": "Orientation load load_oriented",
    "knowledge": """
        FORMS Hit Problem by_diagnosis check choose_pack describe export folder_of load_pack load_packs
        search statistics unknown_codes
    """,
    "perception": """
        ATTRIBUTES Alignment CAUTIONS CLOSER DETECTORS MEASURING Scene ZONES align build_scene changes
        look_closer measure observe relate relations
    """,
    "reasoning": "Fusion RAISED Ranking conclude fires needed rank signs_of strike tick",
    "render": """
        Layer PriorFilm Theme anatomy_layers as_html as_markdown as_pdf as_text evidence_layers
        format_report format_turn load_theme overlay turn_picture turn_svg
    """,
    "service": """
        Opened Reader Reading Settings check_film compare load_log log_header query_document report_document save schema
        turn_document
    """,
    "shells": "",
    "store": "MemoryStore record_hash verify",
}
SCHEMAS = sorted((SRC / "whyray" / "schemas").glob("*.json"))


@pytest.mark.parametrize("room", ROOMS)
def test_exported_names(room: str) -> None:
    module = importlib.import_module(f"whyray.{room}")
    exported = list(getattr(module, "__all__", []))
    assert sorted(exported) == EXPORTED[room].split()
    assert len(set(exported)) == len(exported)
    for name in exported:
        assert getattr(module, name) is not None


def test_exported_callables_are_documented() -> None:
    for room in ROOMS:
        module = importlib.import_module(f"whyray.{room}")
        for name in EXPORTED[room].split():
            value = getattr(module, name)
            if isinstance(value, type) or hasattr(value, "__code__"):
                assert (value.__doc__ or "").strip(), f"whyray.{room}.{name} has no docstring"


def test_there_are_schemas() -> None:
    assert {s.name for s in SCHEMAS} >= {"report.schema.json", "turn.schema.json"}


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda p: p.name)
def test_every_schema_is_valid_draft_2020_12(path: object) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(path.read_text("utf-8"))  # type: ignore[attr-defined]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    assert not jsonschema.Draft202012Validator(schema).is_valid({}), "a schema that takes anything tests nothing"
