"""whyray_train: data sets, losses, loops, calibration, evaluation and export.

Writes a model folder (``model.onnx`` + ``card.yaml``) that ``whyray.engines`` reads; never imported by ``whyray``.
Commands are modules: ``python -m whyray_train.chest``, ``.evaluate``, ``.knowledge``, ``.demo_film``.
"""
