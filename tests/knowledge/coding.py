"""Looks the pack's DICOM and SNOMED CT codes up in pydicom, and compares what they mean."""

from __future__ import annotations

from whyray.domain import Pack
from whyray.knowledge.codes import parts, stated_codes

# A SNOMED CT code that pydicom does not carry; it is stated in the project's table of checked facts.
CHECKED_ELSEWHERE = {"8186001"}

# Signs whose code is no obvious spelling of their name: the concept of pydicom that was compared with the sign.
MEANINGS = {
    "scar": ["Scar tissue"],
    "laminated_calcification": ["Laminated"],
    "fluffy_cloud_like_opacity": ["Fluffy"],
    "upper_zone_predominance": ["Upper zone of lung"],
    "lobar_consolidation": ["Air space", "Lobar"],
    "calcified_lymph_nodes": ["Abnormal calcifications", "Lymph Node"],
    "calcified_pleural_thickening": ["Abnormal calcifications", "Pleura"],
    "calcified_pleural_plaque": ["Abnormal calcifications", "Pleura", "plaque"],
    "tracheal_narrowing": ["Trachea", "Narrow"],
    "tracheal_shift": ["Trachea", "Abnormal Distribution of Anatomic Structure"],
    "carinal_splaying": ["Carina angle", "Enlarged"],
    "dilated_azygos_vein": ["Azygos vein", "Enlarged"],
    "thick_right_paratracheal_stripe": ["Right tracheal stripe", "Enlarged"],
    "thickened_posterior_tracheal_stripe": ["Posterior tracheal stripe", "Enlarged"],
    "paraspinal_line_widening": ["Paraspinal line", "Enlarged"],
    "azygo_oesophageal_recess_shift": [
        "Azygoesophageal recess interface",
        "Abnormal Distribution of Anatomic Structure",
    ],
    "displaced_fissure": ["Fissure of lung", "Abnormal Distribution of Anatomic Structure"],
    "wide_right_descending_pulmonary_artery": ["Right pulmonary artery", "Enlarged"],
    "left_ventricular_enlargement": ["Left ventricle", "Enlarged"],
    "right_ventricular_enlargement": ["Right ventricle", "Enlarged"],
    "right_atrial_enlargement": ["Right atrium", "Enlarged"],
    "vascular_hilar_enlargement": ["Hilum of lung", "Blood Vessel", "Enlarged"],
    "bilateral_hilar_lymphadenopathy": ["hilar lymph node", "Enlarged", "Bilateral"],
    "enlarged_cardiomediastinum": ["Heart", "Mediastinum", "Enlarged"],
    "aortic_elongation": ["Aorta", "tortuosity"],
    "nipple_shadow": ["Nipple", "Shadow"],
    "perihilar_haze": ["Ground glass opacity", "Hilum of lung"],
    "fissural_effusion": ["Pleural effusion", "Fissure of lung"],
    "fissure_thickening": ["Fissure of lung", "Enlarged"],
    "minor_fissure_thickening": ["Fissure of lung", "Horizontal", "Enlarged"],
    "apical_pleural_cap": ["Pleura", "Apical", "Enlarged"],
    "pneumopericardium": ["Air", "Pericardial cavity"],
    "cannonball_lesions": ["Mass", "Round", "Multifocal"],
    "superior_sulcus_mass": ["Mass", "Apical"],
    "obscured_hemidiaphragm": ["Diaphragm", "Poorly defined"],
    "blurred_vessel_margins": ["Blood Vessel", "Poorly defined"],
}


def concepts() -> dict[str, dict[str, set[str]]]:
    """Coding scheme -> code -> meanings, of every concept that pydicom carries."""
    from pydicom.sr._concepts_dict import concepts as table

    found: dict[str, dict[str, set[str]]] = {"DCM": {}, "SCT": {}}
    for scheme, codes in found.items():
        for keyword in table[scheme].values():
            for code, (meaning, _) in keyword.items():
                codes.setdefault(code, set()).add(meaning)
    return found


def meanings(pack: Pack, sign: str) -> list[set[str]]:
    """Meanings in pydicom of the concepts of a sign's DICOM and SNOMED CT codes, in order."""
    table = concepts()
    pairs = [
        pair
        for where, system, code in stated_codes(pack)
        if where.startswith(f"signs.{sign}.")
        for pair in parts(system, code)
    ]
    return [table[scheme].get(code, set()) for scheme, code in pairs]
