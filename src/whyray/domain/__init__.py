"""domain: frozen values, protocols and the error tree that every other room speaks.

Standard library and numpy only; imports nothing of whyray. A value here never opens a file, never knows a
modality, and never prints.
"""

from whyray.domain.counted import Counted, CountedDiagnosis, CountedPlaces, CountedTable, CountedWeight
from whyray.domain.diagnosis import (
    Basis,
    ChecklistRow,
    DiagnosisDefinition,
    Differential,
    DifferentialRow,
    Instead,
    Prior,
    Ratios,
    Rule,
    SignWeight,
    Variant,
)
from whyray.domain.errors import (
    ArgumentError,
    ImageRefused,
    ModelError,
    OutputError,
    PackError,
    WhyrayError,
)
from whyray.domain.figure import Figure, FigureDefinition, Leaning
from whyray.domain.finding import Counterfactual, Evidence, Finding, Polarity, Tier, Verdict
from whyray.domain.frame import Frame
from whyray.domain.image import Geometry, Image, View
from whyray.domain.look import Attribute, Change, Contact, Fact, Look, Mark, Relation, State, Ticked, Trend
from whyray.domain.model import ModelCard, SecondLook
from whyray.domain.observation import (
    Line,
    Measurement,
    Observations,
    Quality,
    SignObservation,
    Structure,
)
from whyray.domain.pack import (
    Caution,
    Landmark,
    Match,
    Pack,
    PlaceLabel,
    Places,
    Span,
    StructureDefinition,
    Term,
    ZoneDefinition,
    ZoneGroup,
)
from whyray.domain.plan import PlaceName, ReportForm, ReportPlan, SectionDefinition, SignPhrase
from whyray.domain.protocols import Engine, LooksAgain, ScoreFn, Store
from whyray.domain.region import Region
from whyray.domain.report import Edit, ReportSection, ReportSentence, Revision, StructuredReport
from whyray.domain.sign import DetectorSpec, Morphology, SignDefinition, Synonyms, TableLabels
from whyray.domain.sourcing import without_opinion
from whyray.domain.text import Bilingual, Lang, Notice
from whyray.domain.turn import Anchor, Correction, Intent, Query, Sentence, Session, Turn

__all__ = [
    "Anchor",
    "ArgumentError",
    "Attribute",
    "Basis",
    "Bilingual",
    "Caution",
    "Change",
    "ChecklistRow",
    "Contact",
    "Correction",
    "Counted",
    "CountedDiagnosis",
    "CountedPlaces",
    "CountedTable",
    "CountedWeight",
    "Counterfactual",
    "DetectorSpec",
    "DiagnosisDefinition",
    "Differential",
    "DifferentialRow",
    "Edit",
    "Engine",
    "Evidence",
    "Fact",
    "Figure",
    "FigureDefinition",
    "Finding",
    "Frame",
    "Geometry",
    "Image",
    "ImageRefused",
    "Instead",
    "Intent",
    "Landmark",
    "Lang",
    "Leaning",
    "Line",
    "Look",
    "LooksAgain",
    "Mark",
    "Match",
    "Measurement",
    "ModelCard",
    "ModelError",
    "Morphology",
    "Notice",
    "Observations",
    "OutputError",
    "Pack",
    "PackError",
    "PlaceLabel",
    "PlaceName",
    "Places",
    "Polarity",
    "Prior",
    "Quality",
    "Query",
    "Ratios",
    "Region",
    "Relation",
    "ReportForm",
    "ReportPlan",
    "ReportSection",
    "ReportSentence",
    "Revision",
    "Rule",
    "ScoreFn",
    "SecondLook",
    "SectionDefinition",
    "Sentence",
    "Session",
    "SignDefinition",
    "SignObservation",
    "SignPhrase",
    "SignWeight",
    "Span",
    "State",
    "Store",
    "Structure",
    "StructureDefinition",
    "StructuredReport",
    "Synonyms",
    "TableLabels",
    "Term",
    "Ticked",
    "Tier",
    "Trend",
    "Turn",
    "Variant",
    "Verdict",
    "View",
    "WhyrayError",
    "ZoneDefinition",
    "ZoneGroup",
    "without_opinion",
]
