"""Can this film be read: is it a frontal adult chest, and is the anatomy where it must be?"""

from __future__ import annotations

import numpy as np

from whyray.domain import Bilingual, Notice, Quality
from whyray.perception.cautions import cautions
from whyray.perception.grid import box, column_centre
from whyray.perception.scene import Scene, hearts

NOT_VALIDATED = Notice(
    "NOT_ADULT_FRONTAL",
    Bilingual(
        "该图像不像成人正位胸片（可能为儿童、侧位或其他部位），以下结果未经验证，不可采信为正常。",
        "This does not look like an adult frontal chest film (child, lateral or another part?); "
        "the results below are not validated and must not be taken as normal.",
    ),
)
ANATOMY_UNCLEAR = Notice(
    "ANATOMY_UNCLEAR",
    Bilingual(
        "未能可靠识别双肺与心影，依赖解剖定位的征象未检测。",
        "Lungs and heart could not be found reliably; signs that need them were not looked for.",
    ),
)
UNDEREXPOSED = Notice(
    "LOW_CONTRAST",
    Bilingual(
        "肺野与纵隔对比度低，轻度改变可能无法识别。",
        "Low contrast between lung and mediastinum; faint changes may be missed.",
    ),
)
MIN_LUNG_SHARE = 0.03  # of the letterboxed picture


def assess(scene: Scene) -> Quality:
    """Quality with the reasons why it is doubtful."""
    reasons: list[Notice] = []
    usable = True
    if scene.gate < scene.card.thresholds["gate"]:
        reasons.append(NOT_VALIDATED)
        usable = False
    if not plausible(scene):
        reasons.append(ANATOMY_UNCLEAR)
        usable = False
    elif contrast(scene) < scene.card.thresholds["contrast"]:
        reasons.append(UNDEREXPOSED)
    if usable:
        reasons += cautions(scene)
    return Quality(usable, scene.gate, tuple(reasons))


def plausible(scene: Scene) -> bool:
    """Two lungs of some size, the patient's right one at the image's left, and a heart."""
    if len(scene.lungs) < 2 or not scene.sees(*hearts(scene.pack)):
        return False
    centres, shares = [], []
    for lung in scene.lungs.values():
        centres.append(column_centre(lung.mask))
        shares.append(float(lung.mask.mean()))
    return min(shares) >= MIN_LUNG_SHARE and centres[0] < centres[1]


def contrast(scene: Scene) -> float:
    """Median grey outside minus inside the lungs, within their bounding box; in [-1, 1]."""
    lungs = np.any([lung.mask for lung in scene.lungs.values()], axis=0)
    where = box(lungs)
    if where is None:
        raise ValueError("a film without lungs has no contrast")
    grey, inside = scene.grid[where], lungs[where]
    return float(np.median(grey[~inside]) - np.median(grey[inside]))
