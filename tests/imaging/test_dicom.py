from pathlib import Path
from typing import Any

import numpy as np
import pytest

from badinputs import _code_item, dicom_bytes, encapsulated, encoded, film8, phantom, radiograph
from whyray.domain import Image, ImageRefused
from whyray.imaging import load, load_oriented

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
STORED = np.rint(phantom() * 4095).astype(np.uint16)


def read(ds: Any = None, **tags: Any) -> Image:
    return load(dicom_bytes(ds if ds is not None else radiograph(**tags)))


def codes(image: Image) -> list[str]:
    return [w.code for w in image.warnings]


def linear(x: np.ndarray, center: float, width: float) -> np.ndarray:
    return np.clip((x - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def assert_pixels(image: Image, expected: np.ndarray) -> None:
    assert image.pixels.dtype == np.float32
    np.testing.assert_allclose(image.pixels[0], expected, atol=1e-5)


def test_plain_film_has_its_facts_and_no_warning() -> None:
    image = read()
    assert_pixels(image, linear(STORED.astype(float), 2048, 4096))
    assert (image.modality, image.view, image.age_years, image.simulated) == ("DX", "PA", 60, False)
    assert image.geometry.spacing_mm == (0.9, 0.9)
    assert image.geometry.spacing_source == "PixelSpacing"
    assert codes(image) == []


def test_identifiers_stay_behind() -> None:
    image = load(dicom_bytes(radiograph(PatientBirthDate="20150101", BurnedInAnnotation="YES")), name="a.dcm")
    shown = repr([image.geometry, image.path, image.modality, image.view, image.age_years, image.warnings])
    for secret in ("Doe", "Jane", "4711", "19600102", "2015", "20200304", "Hospital"):
        assert secret not in shown


# --- photometric interpretation, modality and display ---------------------------------------------


def test_monochrome1_is_turned_to_white_dense() -> None:
    image = read(radiograph(4095 - STORED, PhotometricInterpretation="MONOCHROME1"))
    assert_pixels(image, 1 - linear(4095.0 - STORED, 2048, 4096))
    assert "LOOKS_INVERTED" not in codes(image)


def test_wrong_photometric_is_noticed() -> None:
    assert "LOOKS_INVERTED" in codes(read(radiograph(4095 - STORED)))


def test_rescale_comes_before_the_window() -> None:
    image = read(RescaleSlope=0.5, RescaleIntercept=-100, WindowCenter=924, WindowWidth=2048)
    assert_pixels(image, linear(STORED * 0.5 - 100, 924, 2048))


def test_negative_slope_and_signed_pixels() -> None:
    signed = (STORED.astype(np.int32) - 2048).astype(np.int16)
    image = read(radiograph(-signed, RescaleSlope=-1, RescaleIntercept=0, WindowCenter=0, WindowWidth=4096))
    assert_pixels(image, linear(signed.astype(float), 0, 4096))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("LINEAR", lambda x: linear(x, 1800, 1500)),
        ("LINEAR_EXACT", lambda x: np.clip((x - 1800) / 1500 + 0.5, 0, 1)),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-4 * (x - 1800) / 1500))),
    ],
)
def test_window_functions(name: str, function: Any) -> None:
    image = read(WindowCenter=1800, WindowWidth=1500, VOILUTFunction=name)
    assert_pixels(image, function(STORED.astype(float)))


def test_first_of_several_windows_is_used_and_said() -> None:
    image = read(WindowCenter=[2048, 100], WindowWidth=[4096, 50])
    assert_pixels(image, linear(STORED.astype(float), 2048, 4096))
    assert codes(image) == ["SEVERAL_WINDOWS"]


def test_without_window_the_percentiles_span_the_range() -> None:
    image = read(WindowCenter=None, WindowWidth=None)
    low, high = np.percentile(STORED, [0.5, 99.5])
    np.testing.assert_allclose(image.pixels[0], np.clip((STORED - low) / (high - low), 0, 1), atol=2e-3)
    assert codes(image) == ["NO_WINDOW"]


@pytest.mark.parametrize("window", [(60000, 10), (-5000, 100), (2048, 0), (2048, -4)])
def test_window_that_hides_everything_is_ignored(window: tuple[int, int]) -> None:
    image = read(WindowCenter=window[0], WindowWidth=window[1])
    assert "WINDOW_UNUSABLE" in codes(image)
    assert image.pixels.max() == 1
    assert image.pixels.min() == 0


def lut_item(entries: np.ndarray, first: int, bits: int, packed: bool = True) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first, bits])
    if packed:
        item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    else:
        item.add_new("LUTData", "US", entries.astype(int).tolist())
    return item


@pytest.mark.parametrize("packed", [True, False])
def test_voi_lut_wins_over_the_window(packed: bool) -> None:
    table = np.rint(65535 * (np.arange(4096) / 4095) ** 2)
    image = read(VOILUTSequence=[lut_item(table, 0, 16, packed)])
    assert_pixels(image, table[STORED] / 65535)


def test_voi_lut_clamps_and_its_own_maximum_is_white() -> None:
    table = np.linspace(0, 1023, 1000).round()
    image = read(VOILUTSequence=[lut_item(table, 1000, 16)])
    assert_pixels(image, table[np.clip(STORED.astype(int) - 1000, 0, 999)] / 1023)


def test_eight_bit_lut() -> None:
    from pydicom.dataset import Dataset

    table = np.arange(256)[::-1].astype(np.uint8)
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [256, 0, 8])
    item.add_new("LUTData", "OW", table.tobytes())
    image = read(radiograph(255 - film8(), VOILUTSequence=[item]))
    assert_pixels(image, film8() / 255)


def test_modality_lut() -> None:
    table = np.arange(4096)[::-1] * 2
    image = read(
        radiograph(4095 - STORED, ModalityLUTSequence=[lut_item(table, 0, 16)], WindowCenter=4096, WindowWidth=8192)
    )
    assert_pixels(image, linear(STORED * 2.0, 4096, 8192))


def test_malformed_lut_falls_back_to_the_window() -> None:
    from pydicom.dataset import Dataset

    empty = Dataset()
    empty.LUTExplanation = "nothing here"
    assert_pixels(read(VOILUTSequence=[empty]), linear(STORED.astype(float), 2048, 4096))


@pytest.mark.parametrize("padding", [{"PixelPaddingValue": 63536}, {"PixelPaddingValue": -2000}])
def test_padding_is_black_and_outside_the_percentiles(padding: dict[str, int]) -> None:
    signed = STORED.astype(np.int16)
    signed[:, :40] = -2000
    ds = radiograph(signed, WindowCenter=None, WindowWidth=None, BitsStored=16, HighBit=15)
    value = padding["PixelPaddingValue"]
    ds.add_new("PixelPaddingValue", "SS" if value < 0 else "US", value)
    image = read(ds)
    assert image.pixels[0, :, :40].max() == 0
    low, high = np.percentile(STORED[:, 40:], [0.5, 99.5])
    expected = np.clip((STORED[:, 40:] - low) / (high - low), 0, 1)
    np.testing.assert_allclose(image.pixels[0, :, 40:], expected, atol=2e-3)


def test_padding_range_in_monochrome1_is_black() -> None:
    stored = 4095 - STORED
    stored[:40] = np.arange(40)[:, None] // 8
    ds = radiograph(stored, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0, PixelPaddingRangeLimit=4)
    assert read(ds).pixels[0, :40].max() == 0


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_bit_depths(bits: int) -> None:
    top = 2**bits - 1
    stored = np.rint(phantom() * top).astype(np.uint16)
    ds = radiograph(stored, BitsStored=bits, HighBit=bits - 1, WindowCenter=top / 2 + 0.5, WindowWidth=top + 1)
    assert_pixels(read(ds), linear(stored.astype(float), top / 2 + 0.5, top + 1))


def test_overlay_bits_above_the_stored_bits_are_dropped() -> None:
    assert_pixels(read(radiograph(STORED | 0x8000)), linear(STORED.astype(float), 2048, 4096))


def test_eight_bit_film() -> None:
    assert_pixels(read(radiograph(film8())), linear(film8().astype(float), 128, 256))


# --- transfer syntaxes ----------------------------------------------------------------------------


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"])
def test_uncompressed_and_deflated(uid: str) -> None:
    assert_pixels(read(radiograph(syntax=uid)), linear(STORED.astype(float), 2048, 4096))


def test_big_endian() -> None:
    ds = radiograph(STORED.astype(">u2"), "1.2.840.10008.1.2.2")
    assert_pixels(read(ds), linear(STORED.astype(float), 2048, 4096))


def test_rle() -> None:
    ds = radiograph()
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    assert_pixels(read(ds), linear(STORED.astype(float), 2048, 4096))


def test_jpeg_baseline() -> None:
    stream = encoded(film8(), "JPEG", quality=98)
    image = read(encapsulated("1.2.840.10008.1.2.4.50", stream, film8()))
    assert np.abs(image.pixels[0] - film8() / 255).max() < 0.05


def test_jpeg_2000_lossless() -> None:
    pytest.importorskip("openjpeg", reason="pylibjpeg-openjpeg encodes the test image")
    ds = radiograph()
    ds.compress("1.2.840.10008.1.2.4.90", generate_instance_uid=False)
    assert_pixels(read(ds), linear(STORED.astype(float), 2048, 4096))


def gdcm_file(name: str, folder: Path) -> Path:
    """The film compressed by gdcm."""
    gdcm = pytest.importorskip("gdcm", reason="python-gdcm encodes the test image")
    plain, packed = folder / "plain.dcm", folder / "packed.dcm"
    plain.write_bytes(dicom_bytes(radiograph()))
    reader, writer, change = gdcm.ImageReader(), gdcm.ImageWriter(), gdcm.ImageChangeTransferSyntax()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(packed))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert packed.stat().st_size < plain.stat().st_size
    return packed


@pytest.mark.parametrize("name", ["JPEGLosslessProcess14_1", "JPEGLosslessProcess14", "JPEGLSLossless"])
def test_gdcm_codecs(name: str, tmp_path: Path) -> None:
    assert_pixels(load(gdcm_file(name, tmp_path)), linear(STORED.astype(float), 2048, 4096))


def test_stream_that_crashes_gdcm_is_broken(tmp_path: Path) -> None:
    data = gdcm_file("JPEGLosslessProcess14_1", tmp_path).read_bytes()
    with pytest.raises(ImageRefused, match="IMAGE_BROKEN"):
        load(data.replace(b"\xff\xc4", b"\xff\x00", 1))


def test_missing_codec_names_the_extra(monkeypatch) -> None:
    from pydicom.pixels.decoders.base import Decoder

    monkeypatch.setattr(Decoder, "is_available", property(lambda self: False))
    ds = encapsulated("1.2.840.10008.1.2.4.90", b"\xff\x4f\xff\x51" + bytes(60), STORED)
    with pytest.raises(ImageRefused, match="DICOM_CODEC_MISSING") as caught:
        read(ds)
    assert 'pip install "whyray[dicom]"' in caught.value.line("zh")


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90"])
def test_garbage_codestream_is_broken(syntax: str) -> None:
    with pytest.raises(ImageRefused, match=r"IMAGE_BROKEN|DICOM_CODEC_MISSING"):
        read(encapsulated(syntax, b"\xff\xd8" + bytes(500), film8()))


def test_truncated_rle_is_broken() -> None:
    ds = radiograph()
    ds.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    with pytest.raises(ImageRefused, match="IMAGE_BROKEN"):
        load(dicom_bytes(ds)[:-60_000])


def test_without_preamble_or_file_meta() -> None:
    whole = dicom_bytes(radiograph())
    bare = whole[132:]
    assert codes(load(bare)) == ["NO_PREAMBLE"]
    meta_end = 144 + int.from_bytes(whole[140:144], "little")
    assert_pixels(load(whole[meta_end:]), linear(STORED.astype(float), 2048, 4096))


# --- spacing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "spacing", "source", "warning"),
    [
        ({"PixelSpacingCalibrationType": None}, 0.9, "PixelSpacing", []),
        ({"ImagerPixelSpacing": [0.9, 0.9]}, 0.9, "PixelSpacing", []),
        (
            {"ImagerPixelSpacing": [0.9, 0.9], "PixelSpacingCalibrationType": None},
            0.9,
            "ImagerPixelSpacing",
            ["SPACING_DETECTOR_PLANE"],
        ),
        ({"PixelSpacing": None}, 1.0, "ImagerPixelSpacing", ["SPACING_DETECTOR_PLANE"]),
        (
            {"PixelSpacing": None, "EstimatedRadiographicMagnificationFactor": 1.25},
            0.8,
            "ImagerPixelSpacing",
            ["SPACING_MAGNIFICATION"],
        ),
        (
            {"PixelSpacing": None, "EstimatedRadiographicMagnificationFactor": 9},
            1.0,
            "ImagerPixelSpacing",
            ["SPACING_DETECTOR_PLANE"],
        ),
        ({"ImagerPixelSpacing": None, "PixelSpacingCalibrationType": None}, 0.9, "PixelSpacing", []),
        (
            {"PixelSpacing": None, "ImagerPixelSpacing": None, "NominalScannedPixelSpacing": [0.7, 0.7]},
            0.7,
            "ImagerPixelSpacing",
            ["SPACING_FILM_PLANE"],
        ),
        ({"PixelSpacing": None, "ImagerPixelSpacing": None}, None, "none", []),
        ({"PixelSpacing": [0, 0]}, None, "none", ["SPACING_UNUSABLE"]),
        ({"PixelSpacing": [4.9, 4.9]}, None, "none", ["SPACING_UNUSABLE"]),
    ],
)
def test_spacing(tags: dict[str, Any], spacing: float | None, source: str, warning: list[str]) -> None:
    image = read(**tags)
    assert image.geometry.spacing_mm == (None if spacing is None else pytest.approx((spacing, spacing)))
    assert image.geometry.spacing_source == source
    assert codes(image) == warning


def test_callers_spacing_wins_and_is_said() -> None:
    image = load(dicom_bytes(radiograph()), spacing_mm=(0.5, 0.5))
    assert (image.geometry.spacing_mm, image.geometry.spacing_source) == ((0.5, 0.5), "caller")
    assert codes(image) == ["SPACING_OVERRIDDEN"]


@pytest.mark.parametrize(
    "tags",
    [
        {"PixelSpacing": [0.9, 0.6]},
        {"PixelSpacing": None, "ImagerPixelSpacing": None, "PixelAspectRatio": [2, 1]},
    ],
)
def test_pixels_that_are_not_square(tags: dict[str, Any]) -> None:
    assert codes(read(**tags)) == ["PIXELS_NOT_SQUARE"]


# --- what the header says of the examination ------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "view"),
    [
        ({"ViewPosition": "AP"}, "AP"),
        ({"ViewPosition": None}, "UNKNOWN"),
        ({"ViewPosition": None, "ViewCodeSequence": [_code_item("272479007", "SCT", "x")]}, "PA"),
        ({"ViewPosition": None, "ViewCodeSequence": [_code_item("R-10206", "SRT", "x")]}, "AP"),
        ({"ViewPosition": None, "SeriesDescription": "Chest a.p. bedside"}, "AP"),
        ({"ViewPosition": None, "SeriesDescription": "胸部后前位"}, "PA"),
        ({"ViewPosition": None, "SeriesDescription": "CHEST PA/LAT"}, "UNKNOWN"),
        ({"ViewPosition": None, "SeriesDescription": "SPATIAL CAPTURE, PALATE"}, "UNKNOWN"),
        ({"ViewPosition": None, "ProtocolName": "W033 Chest PA"}, "PA"),
    ],
)
def test_view(tags: dict[str, Any], view: str) -> None:
    ds = radiograph(**tags)
    ds.SpecificCharacterSet = "ISO_IR 192"
    image = read(ds)
    assert image.view == view
    assert codes(image) == []


def test_contradicting_view_is_said() -> None:
    image = read(ViewPosition="PA", SeriesDescription="Chest lateral")
    assert image.view == "PA"
    assert codes(image) == ["VIEW_CONTRADICTION"]


@pytest.mark.parametrize("modality", ["CR", "DX", "DR", "RG"])
def test_radiograph_modalities(modality: str) -> None:
    image = read(Modality=modality)
    assert image.modality == modality
    assert codes(image) == []


@pytest.mark.parametrize(("modality", "told"), [("OT", "OT"), (None, "UNKNOWN"), ("", "UNKNOWN")])
def test_unsure_modalities_are_said(modality: str | None, told: str) -> None:
    image = read(Modality=modality)
    assert image.modality == told
    assert codes(image) == ["MODALITY_UNSURE"]


@pytest.mark.parametrize("part", ["CHEST", "Thorax", "LUNG", "CHEST_PA", "PORT CHEST", "", "UNKNOWN", None])
def test_chest_like_body_parts(part: str | None) -> None:
    assert codes(read(BodyPartExamined=part)) == []


@pytest.mark.parametrize("part", ["HAND", "SKULL", "ABDOMEN", "CHESTABDOMEN", "PELVIS", "CSPINE"])
def test_other_body_parts_are_refused(part: str) -> None:
    with pytest.raises(ImageRefused, match="DICOM_BODY_PART"):
        read(BodyPartExamined=part)


@pytest.mark.parametrize(
    ("tags", "age", "child"),
    [
        ({"PatientAge": "045Y"}, 45, False),
        ({"PatientAge": "018Y"}, 18, False),
        ({"PatientAge": "017Y"}, 17, True),
        ({"PatientAge": "030M"}, 2, True),
        ({"PatientAge": "005D"}, 0, True),
        ({"PatientAge": "x", "PatientBirthDate": "20020305"}, 17, True),
        ({"PatientBirthDate": "20020304"}, 18, False),
        ({"PatientBirthDate": None}, None, False),
        ({"PatientBirthDate": "18000101"}, None, False),
        ({"PatientBirthDate": "20300101"}, None, False),
    ],
)
def test_age(tags: dict[str, Any], age: int | None, child: bool) -> None:
    image = read(**tags)
    assert image.age_years == age
    assert codes(image) == (["CHILD"] if child else [])


def test_flags() -> None:
    ds = radiograph(BurnedInAnnotation="YES", PresentationIntentType="FOR PROCESSING")
    ds.add_new((0x0008, 0x001C), "CS", "YES")
    image = read(ds)
    assert image.simulated
    assert codes(image) == ["BURNED_IN_TEXT", "RAW_PIXELS", "SIMULATED"]


# --- orientation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("directions", "stored", "warning"),
    [
        (["L", "F"], lambda a: a, []),
        (["R", "F"], lambda a: a[:, ::-1], ["MIRRORED_RESTORED"]),
        (["L", "H"], lambda a: a[::-1], ["MIRRORED_RESTORED"]),
        (["R", "H"], lambda a: a[::-1, ::-1], ["TURNED_RESTORED"]),
        (["F", "L"], lambda a: a.T, ["MIRRORED_RESTORED"]),
        (["H", "L"], lambda a: a[::-1].T, ["TURNED_RESTORED"]),
        (["F", "R"], lambda a: a[:, ::-1].T, ["TURNED_RESTORED"]),
        (["LP", "F"], lambda a: a, []),
    ],
)
def test_orientation_is_restored(directions: list[str], stored: Any, warning: list[str]) -> None:
    laid = np.ascontiguousarray(stored(STORED))
    image, turn = load_oriented(dicom_bytes(radiograph(laid, PatientOrientation=directions)))
    assert_pixels(image, linear(STORED.astype(float), 2048, 4096))
    assert codes(image) == warning
    assert (image.geometry.rows, image.geometry.cols) == STORED.shape
    mask = np.zeros(STORED.shape, dtype=bool)
    mask[30:60, 200:280] = True
    np.testing.assert_array_equal(turn.invert(mask), stored(mask))


def test_turned_film_swaps_its_spacing() -> None:
    ds = radiograph(np.ascontiguousarray(STORED.T), PatientOrientation=["F", "L"], PixelSpacing=[0.8, 0.9])
    assert read(ds).geometry.spacing_mm == (0.9, 0.8)


def test_processing_flip_without_orientation_moves_nothing_but_is_said() -> None:
    image = read(PatientOrientation=None, FieldOfViewHorizontalFlip="YES")
    assert_pixels(image, linear(STORED.astype(float), 2048, 4096))
    assert codes(image) == ["SIDES_UNSURE"]


# --- colour ---------------------------------------------------------------------------------------


def test_grey_stored_as_rgb() -> None:
    image = read(radiograph(np.repeat(film8()[..., None], 3, axis=2)))
    assert_pixels(image, film8() / 255)
    assert codes(image) == []


def test_grey_palette() -> None:
    ds = radiograph(film8(), PhotometricInterpretation="PALETTE COLOR")
    ramp = (np.arange(256) * 257).astype("<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        ds.add_new(f"{colour}PaletteColorLookupTableData", "OW", ramp)
    np.testing.assert_allclose(read(ds).pixels[0], film8() / 255, atol=2e-3)


def test_malformed_header_values_reach_neither_caller_nor_log(caplog) -> None:
    ds = radiograph()
    ds.add_new("PatientAge", "AS", "garbage!")
    caplog.clear()
    whole = bytearray(dicom_bytes(ds))
    at = whole.index(b"\x28\x00\x50\x10DS") + 8
    whole[at : at + 4] = b"abcd"
    assert codes(load(bytes(whole))) == ["NO_WINDOW"]
    assert caplog.records == []
