"""What a study measures of every run: numbers by name, all of them taken anew from stored predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measure:
    """A name for the code, a label for a reader, and what a reader should know of how it was taken."""

    name: str
    label: str
    definition: str


@dataclass(frozen=True)
class Measures:
    """The measures of a study and the function that takes them of a run; one that a run does not have is left out.

    `views` are factors that need no training, such as a temperature: the same run is measured once for each choice of
    their levels, `take(run, temperature=2.0)`, and `at` says which choice a table shows. `shown` names the measures
    that a terminal has room for.

    >>> from smoothlab.lab import Measure, Measures
    >>> from smoothlab.measures import accuracy
    >>> def take(run):
    ...     return {"accuracy": accuracy(run["test"].logits, run["test"].labels)}
    >>> Measures((Measure("accuracy", "Accuracy", "on test data"),), take).shown
    ('accuracy',)
    """

    listed: tuple[Measure, ...]
    take: Callable[..., Mapping[str, float]]
    views: Mapping[str, tuple[float | int | str, ...]] = field(default_factory=dict)
    at: Mapping[str, float | int | str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.shown:
            object.__setattr__(self, "shown", tuple(each.name for each in self.listed))

    def __getitem__(self, name: str) -> Measure:
        return next(each for each in self.listed if each.name == name)

    def __contains__(self, name: object) -> bool:
        return any(each.name == name for each in self.listed)
