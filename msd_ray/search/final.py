"""Final runs: rows of a table, each a configuration that is trained with several seeds and scored.

A search has two rows, the paper's configuration and the best; an ablation has one a variant.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..training import RunSettings, to_json
from .configuration import Configuration
from .parameters import JSON, Choice, Fixed, Parameter, Range
from .plans import Scored, TrialPlan
from .studies import PhaseStudy, TrialRecord


@dataclass(frozen=True, kw_only=True)
class FinalRuns:
    """All rows with all seeds.

    study: the name that their study's begins with. seeds: how many. They are the ones after `run.seed`, so that no
    final run is one that chose the configuration.
    """

    study: str
    rows: Mapping[str, Configuration]
    run: RunSettings
    seeds: int

    def open(self, conditions: Mapping[str, JSON], storage: str) -> PhaseStudy:
        """The runs' study, begun unless it is there. Raises UserError if it has other settings."""
        seeds = [self.run.seed + 1 + index for index in range(self.seeds)]
        # Another configuration or more seeds make another study; runs that both have are found again.
        digests = [configuration.digest for configuration in self.rows.values()]
        digest = hashlib.sha256(json.dumps([digests, seeds]).encode()).hexdigest()[:8]
        # Seed by seed: the rows of one seed share a launch.
        runs: list[dict[str, JSON]] = [{"row": row, "seed": seed} for seed in seeds for row in self.rows]
        names = tuple(self.rows)
        row: Parameter = Choice(values=names) if len(names) > 1 else Fixed(value=names[0])
        return PhaseStudy.open(
            storage,
            f"{self.study}/final-{digest}",
            space={"row": row, "seed": Range(low=0, high=2**31, step=1)},
            settings={
                **conditions,
                "rows": {name: configuration.to_json() for name, configuration in self.rows.items()},
                "run": to_json(self.run),
            },
            seed=self.run.seed,
            trials=len(runs),
            first=runs,
        )

    def plan(self, record: TrialRecord, scored: Scored, target_gold: str | None = None) -> TrialPlan:
        """What one of the runs does. target_gold: for the configurations that want gold labels, and for no other."""
        configuration, seed = self.rows[str(record.parameters["row"])], record.parameters["seed"]
        assert isinstance(seed, int | float)
        return TrialPlan(
            phase="final",
            number=record.number,
            run=replace(self.run, seed=int(seed)),
            teacher=configuration.teacher,
            student=configuration.student,
            scored=scored,
            target_gold=None if configuration.zero_shot else target_gold,
        )
