"""The command ``ctmri-detect``; each subcommand is a module of its own, imported on use."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from ctmri_detect.cli._messages import one_line, short_warnings, tell
from ctmri_detect.cli._parser import build_parser

__all__ = ["main"]

_TOO_LITTLE = "There is not enough memory. Give a smaller --image-size or --size, or fewer pairs."
OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; None means those of the process.

    Returns
    -------
    int
        Exit code: 0 done, 1 a bug or closed output, 2 bad input, a missing package or too little
        memory, 130 interrupted.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version`` (0), and for wrong arguments (2).

    Examples
    --------
    >>> main(["score", "missing.ctmri", "missing", "--out", "scores"])
    2
    """
    args = build_parser().parse_args(argv)
    try:
        with short_warnings(everything=args.debug):
            importlib.import_module(f"ctmri_detect.cli.{args.command}").run(args)
            sys.stdout.flush()
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output stopped reading, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ValueError, ImportError, OSError) as error:
        return _report(error, args, BAD_INPUT, shown=args.debug)
    except MemoryError:
        return _report(ValueError(_TOO_LITTLE), args, BAD_INPUT, shown=args.debug)
    except Exception as error:  # a bug: show the traceback, which a bug report needs
        return _report(error, args, FAILED, shown=args.debug or not args.quiet)
    return OK


def _report(error: Exception, args: argparse.Namespace, code: int, *, shown: bool) -> int:
    if shown:
        traceback.print_exc()
    name = "" if code == BAD_INPUT else f"unexpected {type(error).__name__}: "
    tell(f"{args.command}: error: {name}{one_line(error)}")
    return code
