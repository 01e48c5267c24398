"""Configuration: a TOML file, overridden by the environment, checked as a whole before anything starts.

`load` reads it, `read_key` gives the key, `topic_names` the topics, `warnings` what is legal and unwise.
"""

from bridge.config.cautions import warnings
from bridge.config.key import read_key
from bridge.config.load import load
from bridge.config.sections import (
    AdminSettings,
    KafkaSettings,
    LogSettings,
    ProcessSettings,
    TopicNames,
    UpstreamSettings,
)
from bridge.config.security import SecuritySettings
from bridge.config.settings import Settings, topic_names
from bridge.config.streams import PARAMETERS, StreamSettings
from bridge.config.topics import Topics

__all__ = [
    "PARAMETERS",
    "AdminSettings",
    "KafkaSettings",
    "LogSettings",
    "ProcessSettings",
    "SecuritySettings",
    "Settings",
    "StreamSettings",
    "TopicNames",
    "Topics",
    "UpstreamSettings",
    "load",
    "read_key",
    "topic_names",
    "warnings",
]
