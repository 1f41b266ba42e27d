"""What a header says about the examination: modality, body part, view, orientation, age."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, cast

from whyray.domain import Notice, View
from whyray.imaging import header
from whyray.imaging.messages import limits, notice, refused, words
from whyray.imaging.orientation import Orientation

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_DAYS = {"D": 1, "W": 7, "M": 30.4375, "Y": 365.25}
_VIEW_TEXTS = ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")
_EXAMINATION_DATES = ("StudyDate", "AcquisitionDate", "SeriesDate", "ContentDate")


def is_radiograph(ds: Dataset) -> bool:
    """Tell whether the header claims one of the modalities that are read."""
    return header.text(ds, "Modality") in words("modality")["accepted"]


def read_modality(ds: Dataset, notices: list[Notice]) -> str:
    """(0008,0060) when it is a plain radiograph's; ``UNKNOWN`` when absent.

    Raises
    ------
    ImageRefused
        DICOM_MODALITY for every other modality, also when only the SOP class tells it.
    """
    own = words("modality")
    code = header.text(ds, "Modality")
    by_class = own["refused_sop_classes"].get(header.text(ds, "SOPClassUID"))
    if by_class or (code and code not in own["accepted"]):
        raise refused("DICOM_MODALITY", modality=by_class or code)
    if not code or code in own["unsure"]:
        notices.append(notice("MODALITY_UNSURE", modality=code or "-"))
    return code or "UNKNOWN"


def check_body_part(ds: Dataset) -> None:
    """Refuse (DICOM_BODY_PART) a stated body part that is not the chest; absent or meaningless words pass."""
    own = words("body_part")
    part = header.text(ds, "BodyPartExamined")
    if part in own["unknown"]:
        part = next((header.text(i, "CodeMeaning") for i in header.items(ds, "AnatomicRegionSequence")), "")
    if part in own["unknown"]:
        return
    accepted, beside = (any(word in part for word in own[key]) for key in ("accepted", "refused_beside_accepted"))
    if beside or not accepted:
        raise refused("DICOM_BODY_PART", part=part[:32])


def read_view(ds: Dataset, notices: list[Notice]) -> View:
    """PA, AP or UNKNOWN; the first source that tells wins: position, code, orientation, then free text.

    Raises
    ------
    ImageRefused
        LATERAL_VIEW, or VIEW_NOT_FRONTAL for oblique and decubitus positions.
    """
    position = header.text(ds, "ViewPosition")
    if position in words("view")["other_positions"]:
        raise refused("VIEW_NOT_FRONTAL", view=position)
    told = [v for v in (_position_view(position), _code_view(ds), _sagittal(ds), _text_view(ds)) if v]
    if not told:
        return "UNKNOWN"
    if told[0] == "LATERAL":
        raise refused("LATERAL_VIEW")
    if any(v != told[0] for v in told):
        notices.append(notice("VIEW_CONTRADICTION", view=told[0]))
    return told[0]


def _position_view(position: str) -> View | None:
    return cast("View | None", words("view")["position"].get(position))


def _code_view(ds: Dataset) -> View | None:
    codes = words("view")["codes"]
    found = (codes.get(header.text(item, "CodeValue")) for item in header.items(ds, "ViewCodeSequence"))
    return cast("View | None", next((v for v in found if v), None))


def _sagittal(ds: Dataset) -> View | None:
    """Rows that run front to back belong to a lateral film."""
    directions = [str(v)[:1].upper() for v in header.values(ds, "PatientOrientation")]
    return "LATERAL" if len(directions) == 2 and {"A", "P"} & set(directions) else None


def _text_view(ds: Dataset) -> View | None:
    """View that a description names; None when it names none or several."""
    patterns = words("view")["text"]
    for keyword in _VIEW_TEXTS:
        line = header.text(ds, keyword)
        named = [view for view, pattern in patterns.items() if re.search(pattern, line)]
        if len(named) == 1:
            return cast("View", named[0])
    return None


def orientation_of(ds: Dataset, notices: list[Notice]) -> Orientation:
    r"""Turn from stored pixels to standard orientation, from (0020,0020).

    (0018,7034) Field of View Horizontal Flip tells how the detector's image was processed, not how the stored
    image lies (PS3.3 C.8.11.3); without (0020,0020) it moves nothing and gives the warning SIDES_UNSURE.
    """
    directions = [str(v) for v in header.values(ds, "PatientOrientation")]
    turn = Orientation.from_patient(*directions) if len(directions) == 2 else None
    if turn is None:
        if header.text(ds, "FieldOfViewHorizontalFlip") == "YES":
            notices.append(notice("SIDES_UNSURE"))
        return Orientation()
    if turn.mirrored:
        notices.append(notice("MIRRORED_RESTORED"))
    elif not turn.identity:
        notices.append(notice("TURNED_RESTORED"))
    return turn


def age_years(ds: Dataset, notices: list[Notice]) -> int | None:
    """Whole years from (0010,1010), else from birth and examination date; a child is warned about."""
    own = limits("age")
    age = _stated_age(ds)
    if age is None:
        age = _computed_age(ds)
    if age is None or not 0 <= age <= own["max_years"]:
        return None
    if age < own["adult_years"]:
        notices.append(notice("CHILD", age=age))
    return age


def _stated_age(ds: Dataset) -> int | None:
    match = re.fullmatch(r"(\d{1,4})([DWMY]?)", header.text(ds, "PatientAge"))
    return int(int(match[1]) * _DAYS[match[2] or "Y"] / _DAYS["Y"] + 1e-6) if match else None


def _computed_age(ds: Dataset) -> int | None:
    born = _day(header.text(ds, "PatientBirthDate"))
    taken = next((d for d in (_day(header.text(ds, k)) for k in _EXAMINATION_DATES) if d), None)
    if born is None or taken is None:
        return None
    return taken.year - born.year - ((taken.month, taken.day) < (born.month, born.day))


def _day(text: str) -> date | None:
    digits = text.replace("-", "").replace(".", "")[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
