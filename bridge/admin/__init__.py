"""What the bridge tells about itself over HTTP: liveness, readiness, metrics and a status page."""

from bridge.admin.server import AdminServer

__all__ = ["AdminServer"]
