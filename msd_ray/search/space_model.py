"""What a search space file may say: the model that validates it, and the JSON Schema made from it."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from msd_ray.search.parameters import Choice, Fixed, Parameter, Range

LearningRate = TypeAliasType("LearningRate", Annotated[float, Field(gt=0, lt=1)])
Weight = TypeAliasType("Weight", Annotated[float, Field(ge=0)])
WeightDecay = TypeAliasType("WeightDecay", Annotated[float, Field(ge=0, lt=1)])
Share = TypeAliasType("Share", Annotated[float, Field(ge=0, le=1)])
Dropout = TypeAliasType("Dropout", Annotated[float, Field(ge=0, le=0.9)])

Number = TypeVar("Number", bound=float)


def _invalid(key: str, message: str) -> PydanticCustomError:
    """Return an error about one key of a mapping, for checks that compare several keys."""
    return PydanticCustomError("search_space", "{message}", {"key": key, "message": message})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class RangeModel(_Strict, Generic[Number]):
    """A range of numbers to search: low to high, by magnitude (log) or on a grid (step) if wanted."""

    low: Number = Field(description="the smallest value")
    high: Number = Field(description="the largest value, larger than low")
    log: bool = Field(default=False, description="search magnitudes: 1e-5 to 1e-4 as often as 1e-4 to 1e-3")
    step: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="only low, low + step, low + 2 step, ...; not with log"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "RangeModel[Number]":
        if self.low >= self.high:
            raise _invalid("low", f"given {self.low:g}, must be smaller than high ({self.high:g})")
        if self.log and self.low <= 0:
            raise _invalid("low", f"given {self.low:g}, must be greater than 0 where log is true")
        if self.step is not None and self.log:
            raise _invalid("step", "not possible where log is true; leave one of the two out")
        if self.step is not None and self.step > self.high - self.low:
            raise _invalid("step", f"given {self.step:g}, must be at most high - low")
        return self

    def parameter(self) -> Parameter:
        """Return the range as a value object."""
        return Range(low=self.low, high=self.high, log=self.log, step=self.step)


class ChoicesModel(_Strict, Generic[Number]):
    """A list of values to choose from."""

    choices: list[Number] = Field(
        min_length=2, max_length=100, description="the values", json_schema_extra={"uniqueItems": True}
    )

    @model_validator(mode="after")
    def _different(self) -> "ChoicesModel[Number]":
        if len(set(self.choices)) < len(self.choices):
            raise _invalid("choices", "a value stands twice; keep one")
        return self

    def parameter(self) -> Parameter:
        """Return the choice as a value object."""
        return Choice(values=tuple(self.choices))


def _form(value: object) -> Literal["fixed", "range", "choices"]:
    """Say which of the three forms a parameter is written in (also for models, which pydantic asks about)."""
    if isinstance(value, ChoicesModel) or (isinstance(value, dict) and "choices" in value):
        return "choices"
    return "range" if isinstance(value, dict | RangeModel) else "fixed"


FORMS: dict[str, tuple[str, ...]] = {"range": ("low", "high", "log", "step"), "choices": ("choices",)}

Searched = TypeAliasType(
    "Searched",
    Annotated[
        Annotated[Number, Tag("fixed")]
        | Annotated[RangeModel[Number], Tag("range")]
        | Annotated[ChoicesModel[Number], Tag("choices")],
        Discriminator(_form),
    ],
    type_params=(Number,),
)


Start = Literal["encoder", "teacher"]


class StartChoices(_Strict):
    """Both starts, to be searched."""

    choices: list[Start] = Field(
        min_length=2, max_length=2, description="both, in any order", json_schema_extra={"uniqueItems": True}
    )

    @model_validator(mode="after")
    def _different(self) -> "StartChoices":
        if len(set(self.choices)) < len(self.choices):
            raise _invalid("choices", "a value stands twice; keep one")
        return self

    def parameter(self) -> Parameter:
        """Return the choice as a value object."""
        return Choice(values=tuple(self.choices))


def _start_form(value: object) -> Literal["fixed", "choices"]:
    """Say in which of its two forms a start is written."""
    return "choices" if isinstance(value, dict | StartChoices) else "fixed"


SearchedStart = Annotated[
    Annotated[Start, Tag("fixed")] | Annotated[StartChoices, Tag("choices")], Discriminator(_start_form)
]


class _Section(_Strict):
    weight_decay: Searched[WeightDecay] = Field(default=0.01, description="AdamW's weight decay")
    warmup: Searched[Share] = Field(default=0.1, description="share of the steps with rising learning rate")
    dropout: Searched[Dropout] = Field(default=0.1, description="dropout probability of the encoder")

    def parameters(self) -> dict[str, Parameter]:
        """Return the section's parameters by name, in the order of the model."""
        found: dict[str, Parameter] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name != "teachers":
                model = isinstance(value, RangeModel | ChoicesModel | StartChoices)
                found[name] = value.parameter() if model else Fixed(value=value)
        return found


class TeacherSection(_Section):
    """What the teacher phase varies."""

    learning_rate: Searched[LearningRate] = Field(description="peak learning rate; the paper's is 5e-5")
    alpha: Searched[Weight] = Field(description="weight of the auxiliary losses (Eq. 10); the paper's is 0.05")


class StudentSection(_Section):
    """What the student phase varies."""

    learning_rate: Searched[LearningRate] = Field(description="peak learning rate; the paper's is 2e-5")
    beta: Searched[Weight] = Field(description="weight of auxiliary distillation (Eq. 12); the paper's is 0.05")
    alpha_prime: Searched[Weight] = Field(description="weight of the cross-model MMD (Eq. 15); the paper's is 0.001")
    beta_prime: Searched[Weight] = Field(description="weight of the cross-language MMD (Eq. 15); the paper's is 0.001")
    init: SearchedStart = Field(
        default="encoder",
        description="where students start: at the pre-trained encoder, as in the paper, or at their teacher",
    )
    teachers: int = Field(
        default=1,
        ge=1,
        le=20,
        description="a student learns from one of this many best teachers of the teacher phase",
    )


class SpaceModel(_Strict):
    """A search space of msd_ray."""

    description: Annotated[str, Field(min_length=1, max_length=1000)] = Field(
        description="what the space is for, in a line"
    )
    teacher: TeacherSection
    student: StudentSection

    @model_validator(mode="after")
    def _enough_teachers(self) -> "SpaceModel":
        searched = any(not isinstance(value, Fixed) for value in self.teacher.parameters().values())
        if self.student.teachers > 1 and not searched:
            raise _invalid(
                "student.teachers",
                f"given {self.student.teachers}, but the teacher section has one configuration only; "
                "give the teacher a range, or leave `teachers` out",
            )
        return self


def allowed_keys(key_path: tuple[str | int, ...], form: str | None) -> list[str]:
    """Return the keys that the mapping at `key_path` may have; `form` is how a parameter there is written."""
    models: dict[tuple[str | int, ...], type[BaseModel]] = {
        (): SpaceModel,
        ("teacher",): TeacherSection,
        ("student",): StudentSection,
    }
    return list(models[key_path].model_fields) if key_path in models else list(FORMS[form or "range"])


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a search space file, for editors."""
    schema = SpaceModel.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "msd_ray search space"
    return schema
