"""All settings together: what the sections and the streams must agree on, and the joining of sources."""

from typing import Annotated, Self

from pydantic import Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bridge.config.conflicts import between
from bridge.config.sections import AdminSettings, KafkaSettings, LogSettings, ProcessSettings, UpstreamSettings
from bridge.config.streams import StreamSettings
from bridge.config.topics import Topics, resolve


class Settings(BaseSettings):
    """All of it, valid as a whole. Made by `load`; made directly it reads neither a file nor the environment."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix="ODDSBRIDGE_",
        env_nested_delimiter="__",
        case_sensitive=False,
    )

    upstream: UpstreamSettings = UpstreamSettings()
    kafka: KafkaSettings
    admin: AdminSettings = AdminSettings()
    log: LogSettings = LogSettings()
    process: ProcessSettings = ProcessSettings()
    streams: Annotated[list[StreamSettings], Field(min_length=1)]

    _key_in_file: bool = PrivateAttr(default=False)
    _passwords_in_file: tuple[str, ...] = PrivateAttr(default=())

    def note_key_in_file(self, *, standing_there: bool) -> None:
        """`load` notes whether the API key itself stands in the file, which deserves a warning."""
        self._key_in_file = standing_there

    @property
    def key_in_file(self) -> bool:
        """Whether the API key itself stands in the configuration file."""
        return self._key_in_file

    def note_passwords_in_file(self, names: tuple[str, ...]) -> None:
        """`load` notes which secrets of `[kafka.security]` stand in the file."""
        self._passwords_in_file = names

    @property
    def passwords_in_file(self) -> tuple[str, ...]:
        """The secrets of `[kafka.security]` that stand in the configuration file."""
        return self._passwords_in_file

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 — pydantic-settings passes all of them by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed: `load` joins file and environment itself, so that an error can say which it was."""
        return (init_settings,)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = between(self.kafka, dict(enumerate(self.streams)))
        if found:
            text = "; ".join(f"{problem.message} ({problem.hint})" for problem in found)
            raise PydanticCustomError("conflicts", "{text}", {"text": text, "problems": found})
        return self


def topic_names(settings: Settings, prefix: str | None = None) -> Topics:
    """The topics' names under a stream's `topic_prefix` (None: the default prefix); see `topics.resolve`."""
    return resolve(settings.kafka, prefix)
