"""Every failure becomes one line and an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from whyray.domain import WhyrayError
from whyray.shells.cli.options import Language, spoken

log = logging.getLogger(__name__)
P = ParamSpec("P")


def one_line(command: Callable[P, None]) -> Callable[P, None]:
    """Wraps a command: expected errors print their line, unexpected ones theirs; ``WHYRAY_DEBUG=1`` shows the trace."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        language = kwargs.get("lang")
        lang = spoken(language if isinstance(language, Language) else Language.auto)
        try:
            command(*args, **kwargs)
        except WhyrayError as error:
            print(error.line(lang), file=sys.stderr)
            raise typer.Exit(error.exit_code) from error
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort, KeyboardInterrupt):
            raise
        except Exception as error:
            _unexpected(error)
            raise typer.Exit(1) from error

    return run


def _unexpected(error: Exception) -> None:
    import os
    import traceback

    if os.environ.get("WHYRAY_DEBUG") == "1":
        traceback.print_exception(error)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    print(f"INTERNAL: {text} Set WHYRAY_DEBUG=1 and report the trace.", file=sys.stderr)
