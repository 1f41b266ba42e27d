"""Which pack reads an image."""

from __future__ import annotations

from collections.abc import Iterable

from whyray.domain import ArgumentError, Bilingual, Image, ImageRefused, Pack


def choose_pack(packs: Iterable[Pack], image: Image) -> Pack:
    """Choose the pack whose own match rules admit the image's modality.

    Body parts are matched where a file states one, before it becomes an `Image`.

    Raises
    ------
    ImageRefused
        ``MODALITY_UNREAD`` when no pack reads this modality.
    ArgumentError
        ``PACK_AMBIGUOUS`` when several do: the caller must name one.
    """
    packs = tuple(packs)
    fitting = [pack for pack in packs if image.modality.upper() in pack.match.modalities]
    if not fitting:
        known = ", ".join(sorted({modality for pack in packs for modality in pack.match.modalities}))
        raise ImageRefused(
            "MODALITY_UNREAD",
            Bilingual(f"没有知识包能阅读 {image.modality} 图像。", f"No pack reads {image.modality} images."),
            Bilingual(f"可阅读的类型：{known}。", f"What can be read: {known}."),
        )
    if len(fitting) > 1:
        names = ", ".join(pack.id for pack in fitting)
        raise ArgumentError(
            "PACK_AMBIGUOUS",
            Bilingual(f"多个知识包都能阅读此图像：{names}。", f"Several packs read this image: {names}."),
            Bilingual("请指定其中一个。", "Name one of them."),
        )
    return fitting[0]
