"""The model that validates search space files, and their JSON Schema."""

from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from .parameters import Choice, Fixed, Parameter, Range

LearningRate = TypeAliasType("LearningRate", Annotated[float, Field(gt=0, lt=1)])
Weight = TypeAliasType("Weight", Annotated[float, Field(ge=0)])
WeightDecay = TypeAliasType("WeightDecay", Annotated[float, Field(ge=0, lt=1)])
Share = TypeAliasType("Share", Annotated[float, Field(ge=0, le=1)])
Dropout = TypeAliasType("Dropout", Annotated[float, Field(ge=0, le=0.9)])
Factor = TypeAliasType("Factor", Annotated[float, Field(gt=0, le=100_000)])
Temperature = TypeAliasType("Temperature", Annotated[float, Field(gt=0, le=100)])
Confidence = TypeAliasType("Confidence", Annotated[float, Field(ge=0, lt=1)])
Rounds = TypeAliasType("Rounds", Annotated[int, Field(ge=1, le=10)])
MOST_TEACHERS = 5
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Teachers = TypeAliasType("Teachers", Annotated[int, Field(ge=1, le=MOST_TEACHERS)])

Number = TypeVar("Number", bound=float)
Value = TypeVar("Value", bound=float | str)


def _invalid(key: str, message: str) -> PydanticCustomError:
    """Return an error about one key of a mapping, for checks that compare several keys."""
    return PydanticCustomError("search_space", "{message}", {"key": key, "message": message})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class RangeModel(_Strict, Generic[Number]):
    """A range of numbers from low to high, optionally on a logarithmic scale (log) or a grid (step)."""

    low: Number = Field(description="the smallest value")
    high: Number = Field(description="the largest value, larger than low")
    log: bool = Field(default=False, description="logarithmic scale: 1e-5 to 1e-4 as often as 1e-4 to 1e-3")
    step: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="only low, low + step, low + 2 step, ...; not with log"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "RangeModel[Number]":
        if self.low >= self.high:
            raise _invalid("low", f"given {self.low:g}, must be smaller than high ({self.high:g})")
        if self.log and self.low <= 0:
            raise _invalid("low", f"given {self.low:g}, must be greater than 0 with log: true")
        if self.step is not None and self.log:
            raise _invalid("step", "not allowed with log: true; remove one of the two")
        if self.step is not None and self.step > self.high - self.low:
            raise _invalid("step", f"given {self.step:g}, must be at most high - low")
        return self

    def parameter(self) -> Parameter:
        """Return the range as a value object."""
        return Range(low=self.low, high=self.high, log=self.log, step=self.step)


class ChoicesModel(_Strict, Generic[Value]):
    """A list of values to choose from."""

    choices: list[Value] = Field(
        min_length=2, max_length=100, description="the values", json_schema_extra={"uniqueItems": True}
    )

    @model_validator(mode="after")
    def _different(self) -> "ChoicesModel[Value]":
        if len(set(self.choices)) < len(self.choices):
            raise _invalid("choices", "contains a value twice; keep one")
        return self

    def parameter(self) -> Parameter:
        """Return the choice as a value object."""
        return Choice(values=tuple(self.choices))


def _form(value: object) -> Literal["fixed", "range", "choices"]:
    """Return which of the three forms a parameter is written in; pydantic also passes models."""
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
KdLoss = Literal["mse", "soft-cross-entropy"]
Word = TypeVar("Word", bound=str)

SearchedWord = TypeAliasType(
    "SearchedWord",
    Annotated[
        Annotated[Word, Tag("fixed")] | Annotated[ChoicesModel[Word], Tag("choices")],
        Discriminator(lambda value: "choices" if isinstance(value, dict | ChoicesModel) else "fixed"),
    ],
    type_params=(Word,),
)

Point = dict[str, bool | int | float | str]
WHOLE = ("rounds", "teachers")
"""Parameters whose ranges contain whole numbers only."""


class _Section(_Strict):
    head_learning_rate: Searched[Factor] = Field(
        default=1.0, description="learning rate of the terminals, as a factor of learning_rate; the paper's is 1"
    )
    omega_learning_rate: Searched[Factor] = Field(
        default=1.0, description="learning rate of the layer weights, as a factor of learning_rate; the paper's is 1"
    )
    weight_decay: Searched[WeightDecay] = Field(default=0.01, description="AdamW's weight decay")
    warmup: Searched[Share] = Field(default=0.1, description="share of the steps with rising learning rate")
    dropout: Searched[Dropout] = Field(default=0.1, description="dropout probability of the encoder")
    first: list[Literal["paper"] | Point] = Field(
        default=["paper"],
        max_length=100,
        description="the first trials, one each: `paper`, or values by parameter; the other parameters are proposed",
    )

    def parameters(self) -> dict[str, Parameter]:
        """Return the section's parameters by name, in the order of the model."""
        found: dict[str, Parameter] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name != "first":
                found[name] = value.parameter() if isinstance(value, RangeModel | ChoicesModel) else Fixed(value=value)
            if name in WHOLE and isinstance(value, RangeModel):
                found[name] = Range(low=value.low, high=value.high, step=value.step or 1)
        return found

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        for name in WHOLE:
            value = getattr(self, name, None)
            if isinstance(value, RangeModel) and (value.log or (value.step or 1) % 1):
                raise _invalid(name, "a range of whole numbers cannot have log, and its step must be whole")
        return self

    @model_validator(mode="after")
    def _first_are_points(self) -> Self:
        given = {name: getattr(self, name) for name in self.model_fields_set}
        for place, point in enumerate(self.first):
            if isinstance(point, str):
                continue
            try:
                type(self).model_validate({**given, "first": [], **point})
            except ValidationError as error:
                context = {"place": place, "detail": error.errors()[0]}
                raise PydanticCustomError("search_space_point", "no point", context) from None
        return self


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
    init: SearchedWord[Start] = Field(
        default="encoder",
        description="initial weights of students: the pre-trained encoder's, as in the paper, or their teacher's",
    )
    kd_loss: SearchedWord[KdLoss] = Field(
        default="mse", description="distance from the soft labels: mse (Eq. 11), as in the paper, or soft-cross-entropy"
    )
    temperature: Searched[Temperature] = Field(
        default=1.0, description="of the soft labels, p^(1/temperature) normalised; below 1 sharper; the paper's is 1"
    )
    confidence: Searched[Confidence] = Field(
        default=0.0, description="words whose largest soft-label probability is below this carry no loss; 0: all do"
    )
    rounds: Searched[Rounds] = Field(
        default=1, description="rounds of self-training: the student of a round is the teacher of the next"
    )
    teachers: Searched[Teachers] = Field(
        default=1, description="a student learns from the mean soft labels of this many best teachers"
    )


class SpaceModel(_Strict):
    """A search space of msd_ray."""

    description: Annotated[str, Field(min_length=1, max_length=1000)] = Field(
        description="purpose of the space in one line"
    )
    teacher: TeacherSection
    student: StudentSection

    @model_validator(mode="after")
    def _enough_teachers(self) -> "SpaceModel":
        searched = any(not isinstance(value, Fixed) for value in self.teacher.parameters().values())
        most = largest(self.student.parameters()["teachers"])
        if most > 1 and not searched and len(self.teacher.first) < 2:
            raise _invalid(
                "student.teachers",
                f"given {most}, but the teacher section has a single configuration; give the teacher a range, or "
                "remove `teachers`",
            )
        return self


def largest(parameter: Parameter) -> int:
    """The largest value of a parameter of whole numbers."""
    match parameter:
        case Range():
            return int(parameter.high)
        case Choice():
            return max(int(value) for value in parameter.values)
        case Fixed():
            return int(parameter.value)


def allowed_keys(key_path: tuple[str | int, ...], form: str | None) -> list[str]:
    """Return the allowed keys of the mapping at `key_path`; `form` is the form of a parameter there."""
    models: dict[tuple[str | int, ...], type[BaseModel]] = {
        (): SpaceModel,
        ("teacher",): TeacherSection,
        ("student",): StudentSection,
    }
    if key_path[1:2] == ("first",):
        return [name for name in models[key_path[:1]].model_fields if name != "first"]
    return list(models[key_path].model_fields) if key_path in models else list(FORMS[form or "range"])


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a search space file, for editors."""
    schema = SpaceModel.model_json_schema()
    schema["$schema"] = DIALECT
    schema["title"] = "msd_ray search space"
    return schema
