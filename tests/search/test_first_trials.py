"""First trials: known configurations, then every value of a choice that they do not have."""

from msd_ray.search.parameters import JSON, Choice, Fixed, Parameter, Range
from msd_ray.search.spaces import with_every_choice

SPACE: dict[str, Parameter] = {
    "learning_rate": Range(low=1e-5, high=1e-3, log=True),
    "init": Choice(values=("encoder", "teacher")),
    "weight_decay": Choice(values=(0.0, 0.01, 0.1)),
    "beta": Fixed(value=1.0),
}


def test_few_trials_make_all_choices() -> None:
    assert with_every_choice([], SPACE) == [
        {"init": "encoder", "weight_decay": 0.0},
        {"init": "teacher", "weight_decay": 0.01},
        {"weight_decay": 0.1},
    ]


def test_what_is_known_counts() -> None:
    paper: dict[str, JSON] = {"learning_rate": 5e-5, "init": "encoder", "weight_decay": 0.01}
    other: dict[str, JSON] = {"init": "teacher"}
    assert with_every_choice([paper], SPACE) == [paper, {"init": "teacher", "weight_decay": 0.0}, {"weight_decay": 0.1}]
    assert with_every_choice([paper, other], SPACE)[2:] == [{"weight_decay": 0.0}, {"weight_decay": 0.1}]


def test_a_space_without_choices() -> None:
    assert with_every_choice([{"beta": 1.0}], {"beta": Fixed(value=1.0)}) == [{"beta": 1.0}]
