"""`python -m msd_ray.cluster_check FILE ...`: look at cluster files before a cloud does. See `--help`."""

import argparse
import sys
from pathlib import Path

from msd_ray.common.errors import UserError, run_command
from msd_ray.common.text import one_line

_DESCRIPTION = """\
Check launcher YAMLs (ray up), Kubernetes manifests and compose files: Ray's own schema
and what it does not see. node_config against what AWS and Google Cloud take, resources
against what a trial asks for, image tags against the pinned Ray, no secret in a file,
nothing public, token authentication, workers from zero with an idle limit."""
_EPILOG = """\
Exit code 0 if nothing is wrong, else 2, with file, line, key and what to do.
Needs pip install 'msd-ray[clusters]'. Nothing is sent anywhere."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when nothing is wrong. Raises UserError with all that is."""
    options = _parser().parse_args(arguments)
    from .cluster_files.check import check_file
    from .cluster_files.images import pinned_ray

    ray = pinned_ray(options.constraints)
    wrong = []
    for path in options.files:
        findings = check_file(path, ray)
        errors = [item for item in findings if item.level == "error" or (options.ready and item.level == "to set")]
        wrong += errors
        for item in findings:
            if item not in errors:
                print(one_line(str(item)))
        print(one_line(f"{path}: {f'{len(errors)} to mend' if errors else 'nothing wrong'}"))
    if wrong:
        sys.stdout.flush()
        raise UserError(f"{len(wrong)} to mend\n" + "\n".join(one_line(str(item)) for item in wrong))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m msd_ray.cluster_check",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="such as cluster/*.yaml")
    parser.add_argument("--ready", action="store_true", help="a CHANGE-ME that is still there is wrong too")
    parser.add_argument(
        "--constraints",
        type=Path,
        default=Path("constraints.txt"),
        metavar="FILE",
        help="the file that pins Ray (default: constraints.txt)",
    )
    return parser


if __name__ == "__main__":
    run_command(main)
