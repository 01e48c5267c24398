"""A problem of the configuration: where it is, what is wrong, and the fix."""

from dataclasses import dataclass

Loc = tuple[str | int, ...]
"""A place in the settings, from the top: ("streams", 0, "sportsbook")."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Attributes:
        loc: Where it is.
        message: What is wrong.
        hint: What to write instead; "" when there is nothing to add.
        shows_value: Whether the line shows the value that stands there; never for what may be a secret.
    """

    loc: Loc
    message: str
    hint: str = ""
    shows_value: bool = True
