"""cli: the command ``whyray``.

Exit codes: 0 ok, 1 runtime error, 2 bad arguments, 3 image refused (in a folder: at least one was refused, the
others were read). Errors are one line on standard error: code, sentence, hint.
"""

from whyray.shells.cli.app import main

__all__ = ["main"]
