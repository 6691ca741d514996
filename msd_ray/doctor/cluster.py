"""The Ray cluster that a search would join: its token, how many trials fit on it, and their precision."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from msd_ray.method.settings import Precision
from msd_ray.search.on_ray.precision import slowest
from msd_ray.search.on_ray.resources import UNITS, Resources, Room, trials_that_fit, workers_per_gpu

from .finding import Finding, failed, passed, warned

NAME, PRECISION = "cluster", "precision"
_TIMEOUT_S = 5.0
_UNUSED = 0.1
"""Unused part of each GPU that is worth a warning."""
_GUARDED = "/api/jobs/"
"""Endpoint that starts commands on the cluster. Ray answers 401 without a token, 403 with a wrong one."""


def refusal_finding(token: str | None, origin: str) -> Finding:
    """Finding for a cluster that rejects this process. origin: of the token, or the reason why there is none."""
    said = "it refuses the token that is used here" if token else "it asks for a token, and none is sent"
    return failed(
        NAME,
        f"{said} ({origin})",
        "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file with the cluster's token (on its head node: `ray "
        "get-auth-token`)",
    )


def token_finding(asks: bool | None) -> Finding:
    """Whether the cluster requires a token. asks: result of `asks_for_token`."""
    advice = (
        "start the cluster with RAY_AUTH_MODE=token and one token on all nodes (`ray get-auth-token --generate`), and "
        "keep its ports off public networks"
    )
    if asks is None:
        return warned(
            NAME,
            "whether it asks for a token is unknown: its dashboard is not reached from here",
            "see on its head node that `curl -i http://127.0.0.1:8265/api/jobs/` answers 401",
        )
    if not asks:
        return warned(NAME, "it answers without a token: whoever reaches its ports runs code on it", advice)
    return passed(NAME, "it refuses a request without a token")


def asks_for_token(dashboard: str | None) -> bool | None:
    """Whether the dashboard rejects a request without a token; None if it is unreachable."""
    if not dashboard:
        return None
    url = dashboard if urlsplit(dashboard).scheme in ("http", "https") else f"http://{dashboard}"
    try:
        urllib.request.urlopen(f"{url.rstrip('/')}{_GUARDED}", timeout=_TIMEOUT_S).close()  # noqa: S310 - http alone
    except urllib.error.HTTPError as error:
        return True if error.code in (401, 403) else None
    except OSError:
        return None
    return False


def room_findings(where: str, machines: Sequence[Room], wanted: Resources) -> Iterator[Finding]:
    """How many trials fit at once. A worker needs all its resources on one machine."""
    fit = trials_that_fit(machines, wanted)
    have = f"{sum(machine.cpus for machine in machines):g} CPUs, {sum(machine.gpus for machine in machines):g} GPUs"
    each = f"{wanted.processes} x ({wanted.cpus} CPUs, {wanted.gpus:g} GPUs)"
    seen = f"{where} has {have}; a trial asks for {each}: {fit} at once"
    if fit >= (wanted.concurrent or 1):
        yield passed("resources", seen)
    elif wanted.concurrent is not None:
        yield warned(
            "resources",
            f"{seen}, {wanted.concurrent} are asked for",
            "lower --max-concurrent, unless the cluster grows on demand",
        )
    else:
        yield failed(
            "resources",
            seen,
            "lower --workers, --cpus-per-trial or --gpus-per-trial, or say --max-concurrent if the cluster grows on "
            "demand",
        )
    yield from _gpu_findings(where, sum(machine.gpus for machine in machines), wanted.gpus)


def _gpu_findings(where: str, gpus: float, share: float) -> Iterator[Finding]:
    """Warn of GPUs that trials leave unused, entirely or in part. share: GPUs of each worker."""
    if gpus and not share:
        yield warned(
            "resources",
            f"{where} has {gpus:g} GPUs, and trials use none of them",
            "give --gpus-per-trial 1, or a share of one GPU such as 0.5",
        )
    if 0 < share < 1:
        each = workers_per_gpu(share)
        if (unused := 1 - each * share) > _UNUSED:
            yield warned(
                "resources",
                f"a GPU has room for {each} x {share:g}, and {100 * unused:.0f} % of each GPU stay unused: a worker "
                "does not take shares of two GPUs",
                f"give --gpus-per-trial {_share(each)} for as many trials, or {_share(each + 1)} for more",
            )


def _share(workers: int) -> str:
    """The share of a GPU that so many workers take, rounded down to Ray's precision."""
    return f"{UNITS // workers / UNITS:g}"


def precision_finding(answers: Sequence[tuple[str, Precision]]) -> Finding:
    """The precision that `--precision auto` results in. answers: of the nodes with GPUs, see `slowest`.

    Raises:
        UserError: there are no such nodes yet.
    """
    precision, described = slowest(answers)
    seen = f"--precision auto: {precision} for all trials of a study ({described})"
    if len({answer for _, answer in answers}) > 1:
        return warned(
            PRECISION,
            seen,
            "accept that the slowest GPU decides, or leave its node out of the cluster; a study keeps its precision",
        )
    return passed(PRECISION, seen)
