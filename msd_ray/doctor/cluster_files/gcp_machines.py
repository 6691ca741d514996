"""What Compute Engine's machine types have, as far as launcher YAMLs need it: vCPUs, and GPUs that come with the type.

Source, for types with GPUs: https://cloud.google.com/compute/docs/accelerator-optimized-machines. The others' names end
in their vCPUs (.../general-purpose-machines). Of the types with GPUs, A2 and a part of A3 were held against a
catalogue; the page itself was not at hand, and no package carries such a list, as one does for AWS.
"""

import re

from .machines import Machine

# G2: vCPUs and the L4 that come with them.
_L4 = {4: 1, 8: 1, 12: 1, 16: 1, 24: 2, 32: 1, 48: 4, 96: 8}
# A2 and A3: vCPUs of each GPU; the name ends in the number of GPUs.
_FOR_EACH_GPU = {"a2-highgpu": 12, "a2-ultragpu": 12, "a3-highgpu": 26}
_WITH_GPUS = {
    **{f"g2-standard-{cpus}": Machine(cpus=cpus, gpus=gpus) for cpus, gpus in _L4.items()},
    **{
        f"{series}-{gpus}g": Machine(cpus=cpus * gpus, gpus=gpus)
        for series, cpus in _FOR_EACH_GPU.items()
        for gpus in (1, 2, 4, 8)
    },
    "a2-megagpu-16g": Machine(cpus=96, gpus=16),
    "a3-megagpu-8g": Machine(cpus=208, gpus=8),
    "a3-ultragpu-8g": Machine(cpus=224, gpus=8),
}
_SERIES = r"(?:n1|n2|n2d|n4|e2|c2|c2d|c3|c3d|c4|c4a|c4d|t2a|t2d|m1|m2|m3)"
_WITHOUT = re.compile(
    rf"{_SERIES}-(?:standard|highmem|highcpu|ultramem|megamem)-(?P<cpus>\d+)(?:-lssd)?"
    r"|(?:(?:n1|n2|n2d|n4|e2)-)?custom-(?P<custom>\d+)-\d+(?:-ext)?"
)
_TAKES_GPUS = re.compile(r"(?:n1-|custom-)")


def machine(machine_type: str) -> Machine | None:
    """What a type has by itself; None for one that is not told here. It may be given as a part of a URL.

    >>> machine("g2-standard-24")
    Machine(cpus=24, gpus=2)
    """
    name = plain_name(machine_type)
    if found := _WITHOUT.fullmatch(name):
        return Machine(cpus=int(found["cpus"] or found["custom"]), gpus=0)
    return _WITH_GPUS.get(name)


def takes_gpus(machine_type: str) -> bool:
    """Whether GPUs can be attached to a type that has none: N1 alone takes them."""
    return bool(_TAKES_GPUS.match(plain_name(machine_type)))


def plain_name(machine_type: str) -> str:
    """`zones/ZONE/machineTypes/NAME`, as the API has it, without what is before the name."""
    return machine_type.rpartition("/")[2]
