"""A stream's settings: one feed of one sport with its filters, under the upstream's own parameter names."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from bridge.config.kinds import EntryIdText, Feed, Flag, OddsFormat, Sport, StreamName, Texts, TopicPrefix, wrong
from bridge.upstream.feeds import PARAMETERS as FEEDS
from bridge.upstream.feeds import configurable

PARAMETERS = {feed: tuple(configurable(feed)) for feed in FEEDS}
"""The upstream parameters of each feed that a stream may set."""

MANAGED = {
    "key": ("the key isn't a stream's", "give it by ODDSBRIDGE_UPSTREAM__API_KEY or upstream.api_key_file"),
    "api_key": ("the key isn't a stream's", "give it by ODDSBRIDGE_UPSTREAM__API_KEY or upstream.api_key_file"),
}
"""Names that look like a stream's settings and can't be: what to say, and the fix."""

MAX_SPORTSBOOKS = 5
RECOMMENDED_LEAGUES = 10

_ALL = tuple(dict.fromkeys(name for names in PARAMETERS.values() for name in names))


class StreamSettings(BaseModel):
    """One `[[streams]]` table: a feed, a sport and filters, carried over one connection.

    A filter that is left out takes everything. Parameters carry the upstream's own names; one that the
    stream's feed doesn't have is None here, and an error in the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: StreamName = Field(
        description="What the stream is called in headers, metrics, logs and its checkpoint. It also places the "
        "stream on its shard: under a new name a stream starts anew."
    )
    feed: Feed = Field(description="Which of the upstream's feeds.")
    sport: Sport = Field(description="The sport, as upstream writes it in its paths.", examples=["basketball"])
    topic_prefix: TopicPrefix | None = Field(
        default=None,
        description="Publishes this stream's data to topics of their own. Checkpoints, bridge-events and "
        "dead-letters stay where they are, and names set one by one in `[kafka.topics]` don't apply to it. "
        "Default: `kafka.topic_prefix`.",
    )
    sportsbook: Texts | None = Field(
        default=None, validate_default=True, description="1 to 5 sportsbooks; needed by the odds feed."
    )
    league: Texts | None = Field(default=None, description="Only these leagues; upstream recommends ten at most.")
    fixture_id: Texts | None = Field(default=None, description="Only these fixtures.")
    market: Texts | None = Field(default=None, description="Only these markets.")
    is_main: Flag | None = Field(
        default=None, description="Only main lines (true) or only alternates (false). Better left out: see the warning."
    )
    is_live: Flag | None = Field(default=None, description="Only live (true) or only pre-match (false) fixtures.")
    odds_format: OddsFormat | None = Field(
        default=None, validate_default=True, description="How prices are written. Default for odds: `AMERICAN`."
    )
    exclude_fees: Flag | None = Field(default=None, description="Exchange prices without the fees worked in.")
    last_entry_id: EntryIdText | None = Field(
        default=None,
        description="Where a first start begins, if upstream still has it: the bridge itself resumes from its "
        "checkpoint, and this counts only while there is none.",
        examples=["1730079534820-2"],
    )
    include_fixture_updates: Flag | None = Field(
        default=None,
        validate_default=True,
        description="Also carries status and start time of fixtures. Off upstream, on here: without it nobody "
        "learns that a fixture is over. Default for odds and copilot: true.",
    )
    include_deep_link: Flag | None = Field(default=None, description="Adds links into the sportsbooks to each odd.")

    @field_validator(*_ALL, mode="before")
    @classmethod
    def _known_to_the_feed(cls, value: Any, info: ValidationInfo) -> Any:
        feed, name = info.data.get("feed"), str(info.field_name)
        if value is None or feed is None or name in PARAMETERS[feed]:
            return value
        having = " and ".join(other for other, names in PARAMETERS.items() if name in names)
        raise wrong(f"isn't a parameter of the {feed} feed", f"remove it; {having} {_has(having)} it")

    @field_validator("sportsbook")
    @classmethod
    def _one_to_five(cls, value: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if info.data.get("feed") != "odds":
            return value
        if value is None:
            raise wrong("the odds feed needs 1 to 5 sportsbooks", 'add for example sportsbook = ["DraftKings"]')
        if len(value) > MAX_SPORTSBOOKS:
            raise wrong(
                f"names {len(value)} sportsbooks; upstream takes at most {MAX_SPORTSBOOKS} a stream",
                "split the stream in two with different sportsbooks",
            )
        return value

    @field_validator("sportsbook", mode="before")
    @classmethod
    def _not_empty(cls, value: Any, info: ValidationInfo) -> Any:
        return None if value == [] and info.data.get("feed") == "odds" else value  # none named: the same error

    @field_validator("odds_format")
    @classmethod
    def _default_format(cls, value: str | None, info: ValidationInfo) -> str | None:
        return "AMERICAN" if value is None and info.data.get("feed") == "odds" else value

    @field_validator("include_fixture_updates")
    @classmethod
    def _updates_on(cls, value: Flag | None, info: ValidationInfo) -> bool | None:
        on_here = "include_fixture_updates" in PARAMETERS.get(info.data.get("feed", ""), ())
        return True if value is None and on_here else value

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The upstream parameters that the stream's feed has, set or not."""
        return PARAMETERS[self.feed]

    def parameters(self) -> dict[str, list[str] | str | bool]:
        """The feed's parameters that are set, under the upstream's names and in the table's order."""
        values = ((name, getattr(self, name)) for name in PARAMETERS[self.feed])
        return {name: value for name, value in values if value is not None}


def _has(having: str) -> str:
    return "have" if " and " in having else "has"
