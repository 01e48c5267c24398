"""The exit codes, and the one place where an error becomes one."""

from collections.abc import Mapping
from enum import IntEnum

from bridge.errors import ClusterMismatch, ConfigError, NewerCheckpoint, OddsbridgeError, OwnedElsewhere, Unpublishable


class Exit(IntEnum):
    """What the process ends with; these are stable."""

    OK = 0
    FAILED = 1
    CONFIGURATION = 2
    CLUSTER = 3
    OWNED_ELSEWHERE = 4
    UPSTREAM = 5
    INTERRUPTED = 130
    TERMINATED = 143


MEANING: Mapping[Exit, str] = {
    Exit.OK: "all went well",
    Exit.FAILED: "it failed: an outage that lasted, or an error nobody foresaw",
    Exit.CONFIGURATION: "the configuration or the command line can't be used",
    Exit.CLUSTER: "Kafka refuses the bridge, or its topics or settings aren't as the bridge needs them",
    Exit.OWNED_ELSEWHERE: "another instance owns the work",
    Exit.UPSTREAM: "OpticOdds refuses, can't be reached, or doesn't know a name (check)",
    Exit.INTERRUPTED: "interrupted by the keyboard; of `run`, by a second Ctrl-C while it drained",
    Exit.TERMINATED: "told to stop a second time while it drained, and quit at once",
}

_CODES: Mapping[type[OddsbridgeError], Exit] = {
    ConfigError: Exit.CONFIGURATION,
    ClusterMismatch: Exit.CLUSTER,
    NewerCheckpoint: Exit.CLUSTER,
    Unpublishable: Exit.CLUSTER,
    OwnedElsewhere: Exit.OWNED_ELSEWHERE,
}


def code_of(error: BaseException) -> Exit:
    """The exit code that `error` ends the process with."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), Exit.FAILED)


def epilog() -> str:
    """The table of codes, for `--help`."""
    return "Exit codes:\n" + "\n".join(f"  {code:<4}{meaning}" for code, meaning in MEANING.items())
