"""Requests of Kafka's protocol that aiokafka doesn't have, built from its own parts.

Source: Kafka's message definitions, MetadataRequest.json (version 8 is the first that tells what the client may do)
and IncrementalAlterConfigsRequest.json (aiokafka's AlterConfigs would reset every setting that isn't named).
"""

from typing import Any, TypeAlias

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

UNTOLD = -(2**31)
"""What stands in the place of the operations when the broker doesn't tell them."""

OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Alter": 7, "Describe": 8, "DescribeConfigs": 10, "AlterConfigs": 11}
"""The bit of each operation, by its name in `kafka-acls.sh`. Source: AclOperation.java."""


class MetadataResponse_v8(Response):  # type: ignore[misc]  # noqa: N801
    """The cluster's brokers and topics, and what this client may do with each topic."""

    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class MetadataRequest_v8(RequestStruct):  # type: ignore[misc]  # noqa: N801
    """See `Metadata`."""

    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = MetadataResponse_v8
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


_Metadata: TypeAlias = MetadataRequest_v5 | MetadataRequest_v8


class Metadata(Request[_Metadata]):  # type: ignore[misc]
    """Asks for topics, and never makes one by asking.

    Args:
        topics: Their names; None asks for all.
    """

    API_KEY = 3

    def __init__(self, topics: list[str] | None) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_Metadata]) -> _Metadata:
        """The request in a version that the broker knows."""
        if request_struct_class.API_VERSION < 8:
            return request_struct_class(self._topics, False)  # noqa: FBT003
        return request_struct_class(self._topics, False, False, True)  # noqa: FBT003


class IncrementalAlterConfigsResponse_v0(Response):  # type: ignore[misc]  # noqa: N801
    """An error for each resource, 0 when it went well."""

    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "resources",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class IncrementalAlterConfigsRequest_v0(RequestStruct):  # type: ignore[misc]  # noqa: N801
    """See `SetTopicConfigs`."""

    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = IncrementalAlterConfigsResponse_v0
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(("name", String("utf-8")), ("operation", Int8), ("value", String("utf-8"))),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


_TOPIC = 2
_SET = 0


class SetTopicConfigs(Request[IncrementalAlterConfigsRequest_v0]):  # type: ignore[misc]
    """Sets settings of topics, and leaves all others as they are.

    Args:
        settings: By topic, what to set.
    """

    API_KEY = 44

    def __init__(self, settings: dict[str, dict[str, str]]) -> None:
        self._settings = settings

    def build(self, request_struct_class: type[IncrementalAlterConfigsRequest_v0]) -> IncrementalAlterConfigsRequest_v0:
        """The request in a version that the broker knows."""
        resources: list[Any] = [
            (_TOPIC, topic, [(name, _SET, value) for name, value in settings.items()])
            for topic, settings in self._settings.items()
        ]
        return request_struct_class(resources, False)  # noqa: FBT003
