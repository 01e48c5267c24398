"""Kafka's jars: which ones, fetched once, and checked by SHA-256 each time they are used.

`jars.sha256` pins every jar by its path in a Maven repository, in the format of `sha256sum -c`. To pin another
version, change `KAFKA_VERSION` and run::

    .venv/bin/python -m bridge.demo.jars

which resolves and fetches the whole set anew and writes the file; read the difference before you commit it.
"""

import hashlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import DemoUnavailable

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.2.0"
ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
"""What is resolved; without a binding of slf4j the broker would log nothing at all."""
PINS = Path(__file__).with_name("jars.sha256")
INSTALL = "pip install 'oddsbridge[demo]'"

_AT_ONCE = 4
_PAUSES_S = (1.0, 3.0)
_SILENCE_S = 20
_MEGABYTE = 1_000_000


def default_cache() -> Path:
    """The folder in which jars outlive a run: XDG_CACHE_HOME, or the user's cache folder as the platform has it."""
    home = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or home) / "oddsbridge"


def fetch_jars(cache: Path | None = None, pins: Path = PINS) -> list[Path]:
    """Fetch the jars that the cache lacks, check all of them, and give the class path.

    Two processes may do this at the same time: a jar appears in the cache only whole and checked, by a rename.

    Args:
        cache: Where jars are kept between runs; None for the user's cache folder.
        pins: The file of pinned SHA-256s.

    Returns:
        The path of each jar, in the order of `pins`.

    Raises:
        DemoUnavailable: jgo isn't installed, a jar can't be downloaded or written, or isn't the pinned one.
    """
    root = (cache or default_cache()) / "jars"
    pinned = _read_pins(pins)
    missing = [path for path in pinned if not (root / path).is_file()]
    if missing:
        try:
            root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as folder:
                _download_all(missing, pinned, Path(folder), root)
        except OSError as error:
            raise DemoUnavailable(
                f"can't keep Kafka's jars in {root}: {error}", hint="set XDG_CACHE_HOME to a folder with 50 MB free"
            ) from error
    for path, expected in pinned.items():
        _check(root / path, expected, hint=f"remove {root} and try again")
    return [root / path for path in pinned]


def _read_pins(file: Path) -> dict[str, str]:
    """Path in the repository → SHA-256, both as written in the file."""
    lines = (line.split() for line in file.read_text(encoding="ascii").splitlines() if not line.startswith("#"))
    return {path: digest for digest, path in lines}


def _check(jar: Path, expected: str, *, hint: str) -> None:
    with jar.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise DemoUnavailable(
            f"{jar.name} is not the pinned jar: its SHA-256 is {found}, expected {expected}", hint=hint, reason="jar"
        )


def _download_all(paths: list[str], pinned: Mapping[str, str], staging: Path, root: Path) -> None:
    progress = _Progress(len(paths))
    maven = _maven(staging, progress)

    def one(path: str) -> None:
        file = _download(path, maven)
        _check(file, pinned[path], hint="what was downloaded was thrown away; is there a proxy on the way?")
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
        progress.jar_done()

    with progress, ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="jars") as pool:
        jobs = [pool.submit(one, path) for path in paths]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)  # one failure is enough to say so: don't try the other forty
            raise


def _maven(staging: Path, progress: "_Progress") -> "MavenContext":
    try:
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise DemoUnavailable("the embedded Kafka needs jgo, which isn't installed", hint=INSTALL) from error
    return MavenContext(
        resolver=PythonResolver(progress_callback=progress.downloading), repo_cache=staging, timeout=_SILENCE_S
    )


def _download(path: str, maven: "MavenContext") -> Path:
    """Download one jar into the context's folder, which is laid out like the repository."""
    *group, artifact, version, name = path.split("/")
    for pause in (*_PAUSES_S, None):
        try:
            return maven.project(".".join(group), artifact).at_version(version).artifact().resolve()
        except Exception as error:  # jgo raises RuntimeError, requests' errors and OSError alike
            (maven.repo_cache / path).unlink(missing_ok=True)  # jgo would take the torso for the jar
            if pause is None:
                raise DemoUnavailable(
                    f"can't download {name} from Maven Central: {_root(error)}",
                    hint="the embedded Kafka needs the network once, for 44 MB; then they are kept",
                    reason="download",
                ) from error
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _root(error: BaseException) -> BaseException:
    """What it all began with: "Connection refused", not the five layers around it."""
    while error.__context__ is not None:
        error = error.__context__
    return error


class _Progress:
    """One line on stderr: rewritten in place on a terminal, printed at every quarter elsewhere."""

    def __init__(self, jars: int) -> None:
        self._lock = threading.Lock()
        self._jars = jars
        self._done = 0
        self._bytes = 0
        self._tty = sys.stderr.isatty()
        self._last = ""

    def __enter__(self) -> "_Progress":
        self._show(last=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._tty:
            sys.stderr.write("\n")

    @contextmanager
    def downloading(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        """Jgo's progress callback: count bytes as they come."""

        def count(more: int) -> None:
            with self._lock:
                self._bytes += more
                if self._tty:
                    self._show(last=False)

        yield count

    def jar_done(self) -> None:
        with self._lock:
            self._done += 1
            if self._tty or self._done * 4 // self._jars > (self._done - 1) * 4 // self._jars:
                self._show(last=self._done == self._jars)

    def _show(self, *, last: bool) -> None:
        line = (
            f"downloading Apache Kafka {KAFKA_VERSION} (once, kept for later):"
            f" {self._done} of {self._jars} jars, {self._bytes // _MEGABYTE} MB{', done' if last else ''}"
        )
        if line == self._last:
            return
        self._last = line
        sys.stderr.write(f"\r{line}" if self._tty else f"{line}\n")
        sys.stderr.flush()


def pin(pins: Path = PINS) -> None:
    """Resolve `ENDPOINT`, fetch every jar of it anew, and write its SHA-256s.

    Args:
        pins: The file to write.
    """
    import jgo  # noqa: PLC0415 - an extra

    artifacts = jgo.resolve(ENDPOINT)
    paths = sorted(f"{a.component.path_prefix.as_posix()}/{a.filename}" for a in artifacts)
    with tempfile.TemporaryDirectory() as folder:
        maven = _maven(Path(folder), _Progress(len(paths)))
        lines = [f"# {ENDPOINT}; written by `python -m bridge.demo.jars`, checked by `sha256sum -c` too"]
        for path in paths:
            jar = _download(path, maven)
            lines.append(f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {path}")
            sys.stderr.write(f"{lines[-1]}\n")
    pins.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    pin()
