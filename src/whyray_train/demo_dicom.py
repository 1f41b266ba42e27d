"""Writes a simulated film as a DICOM Digital X-Ray Image - For Presentation (PS3.3 A.26)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

BITS = 12


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the header of one film says.

    Attributes
    ----------
    name
        Series description.
    derivation
        How the pixels came to be, with the licence of their source.
    study
        Study description, the same for both films.
    root
        Address that the deterministic UIDs are derived from (UUID version 5 under 2.25, PS3.5 B.2).
    number
        Series and instance number.
    pitch_mm, magnification, source_detector_mm
        Detector pitch; enlargement at the patient's mid-plane; focus to detector.
    """

    name: str
    derivation: str
    study: str
    root: str
    number: int
    pitch_mm: float
    magnification: float
    source_detector_mm: float

    def uid(self, part: str) -> str:
        """Deterministic UID of one part of the study."""
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, f'{self.root}/{part}').int}"


def write_film(path: Path, shown: NDArray[np.float32], sheet: Sheet) -> None:
    """Writes presentation values in [0, 1] (rows, cols) to `path`, 12 bit, RLE Lossless, no identifiers."""
    from pydicom.uid import RLELossless

    stored = np.round(np.clip(shown, 0.0, 1.0) * (2**BITS - 1)).astype("<u2")
    ds = _empty(path, sheet)
    _who_and_what(ds, sheet)
    _acquisition(ds, sheet)
    _pixels(ds, stored)
    ds.compress(RLELossless, stored, encoding_plugin="pydicom", generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)


def _empty(path: Path, sheet: Sheet) -> FileDataset:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = UID(sheet.uid(f"image/{sheet.number}"))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(sheet.uid("writer"))
    meta.ImplementationVersionName = "WHYRAY_DEMO"
    return FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)


def _who_and_what(ds: Dataset, sheet: Sheet) -> None:
    """Patient, study, series and SOP attributes; every identifier is empty."""
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "ReferringPhysicianName",
        "ContentDate",
        "ContentTime",
        "AcquisitionDate",
        "AcquisitionTime",
        "Manufacturer",
    ):
        setattr(ds, keyword, "")
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = "Simulated image of a public de-identified CT"
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID = sheet.uid("study")
    ds.SeriesInstanceUID = sheet.uid(f"series/{sheet.number}")
    ds.StudyDescription, ds.SeriesDescription = sheet.study, sheet.name
    ds.SeriesNumber = ds.InstanceNumber = sheet.number
    ds.Modality, ds.PresentationIntentType = "DX", "FOR PRESENTATION"
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.SyntheticData = "YES"
    ds.DerivationDescription = sheet.derivation
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"


def _acquisition(ds: Dataset, sheet: Sheet) -> None:
    """Anatomy, position and geometry."""
    ds.BodyPartExamined, ds.ViewPosition, ds.ImageLaterality = "CHEST", "PA", "U"
    ds.PatientOrientation = ["L", "F"]
    ds.AnatomicRegionSequence = [_code("51185008", "Chest")]
    ds.ViewCodeSequence = [_code("272479007", "postero-anterior")]
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = []
    ds.AcquisitionContextSequence = []
    ds.PositionerType, ds.DetectorType = "", ""
    mid_plane = sheet.pitch_mm / sheet.magnification
    ds.ImagerPixelSpacing = [f"{sheet.pitch_mm:.6g}"] * 2
    ds.PixelSpacing = [f"{mid_plane:.6g}"] * 2
    ds.PixelSpacingCalibrationType = "GEOMETRY"
    ds.PixelSpacingCalibrationDescription = "At the mid-plane of the simulated patient"
    ds.DistanceSourceToDetector = f"{sheet.source_detector_mm:.6g}"
    ds.DistanceSourceToPatient = f"{sheet.source_detector_mm / sheet.magnification:.6g}"
    ds.EstimatedRadiographicMagnificationFactor = f"{sheet.magnification:.6g}"


def _pixels(ds: Dataset, stored: NDArray[np.uint16]) -> None:
    """Image pixel, VOI and presentation attributes."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, BITS, BITS - 1, 0
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.WindowCenter, ds.WindowWidth = str(2 ** (BITS - 1)), str(2**BITS)
    ds.PresentationLUTShape = "IDENTITY"


def _code(value: str, meaning: str) -> Dataset:
    """A SNOMED CT code item."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item
