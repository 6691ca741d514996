"""What EC2's instance types have, as far as launcher YAMLs need it: vCPUs and NVIDIA GPUs.

Source: EC2's DescribeInstanceTypes, against which a test holds every type that is told here.
"""

import re

from .machines import Machine

_ONE_CARD = {"xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "16xlarge": 1}
_GPUS = {
    "g4dn": {**_ONE_CARD, "12xlarge": 4, "metal": 8},
    **{family: {**_ONE_CARD, "12xlarge": 4, "24xlarge": 4, "48xlarge": 8} for family in ("g5", "g6", "g6e")},
    "gr6": {"4xlarge": 1, "8xlarge": 1},
    "p3dn": {"24xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
}
_NO_GPU = re.compile(r"[cmrt][5-8][a-z]*")
_SIZE = re.compile(r"(\d*)xlarge")


def machine(instance_type: str) -> Machine | None:
    """What a type has; None for one that is not told here.

    >>> machine("g5.2xlarge")
    Machine(cpus=8, gpus=1)
    """
    family, _, size = instance_type.partition(".")
    gpus = 0 if _NO_GPU.fullmatch(family) else _GPUS.get(family, {}).get(size)
    found = _SIZE.fullmatch(size)
    if found is None or gpus is None:
        return None
    return Machine(cpus=4 * int(found[1] or 1), gpus=gpus)
