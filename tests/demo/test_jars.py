"""Kafka's jars: fetched from a repository (here a local one), checked, kept."""

import gc
import hashlib
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jgo.maven._core as maven
import pytest

from bridge.demo import jars
from bridge.demo.jars import PINS, fetch_jars
from bridge.errors import DemoUnavailable

ONE = "org/example/one/1.0/one-1.0.jar"
TWO = "org/example/two/2.0/two-2.0.jar"


class Repository:
    """Two jars behind HTTP; what was asked for; and the pins that go with them."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "served"
        self.pins = folder / "jars.sha256"
        self.cache = folder / "cache"
        self.asked: list[str] = []
        self.torn: set[str] = set()
        for path in (ONE, TWO):
            (self.files / path).parent.mkdir(parents=True)
            (self.files / path).write_bytes(path.encode() * 5000)
        lines = [f"{hashlib.sha256((self.files / path).read_bytes()).hexdigest()}  {path}" for path in (ONE, TWO)]
        self.pins.write_text("\n".join(["# a comment", *lines, ""]))

    def fetch(self) -> list[Path]:
        return fetch_jars(self.cache, self.pins)

    def kept(self) -> list[str]:
        root = self.cache / "jars"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


class Handler(SimpleHTTPRequestHandler):
    repository: Repository

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        if path.endswith(".jar"):
            self.repository.asked.append(path)
        if path in self.repository.torn:
            self.repository.torn.discard(path)
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"torn")
            self.close_connection = True
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository(tmp_path)
    handler = type("Bound", (Handler,), {"repository": repository})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(repository.files))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setitem(maven.DEFAULT_REMOTE_REPOS, "central", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(jars, "_PAUSES_S", (0.0, 0.0))
        yield repository
        server.shutdown()
        thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # jgo leaves the connection of an answer that it doesn't like to the garbage collector


def test_fetched_once_with_a_line_of_progress(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    paths = repository.fetch()
    assert [path.read_bytes() for path in paths] == [(repository.files / path).read_bytes() for path in (ONE, TWO)]
    assert sorted(repository.asked) == [ONE, TWO]
    assert re.search(r"downloading Apache Kafka .* 2 of 2 jars, 0 MB, done\n$", capsys.readouterr().err)
    assert repository.fetch() == paths
    assert len(repository.asked) == 2
    assert capsys.readouterr().err == ""
    assert repository.kept() == [ONE, TWO]


def test_a_wrong_jar_is_named_and_not_kept(repository: Repository) -> None:
    (repository.files / TWO).write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(DemoUnavailable, match=rf"two-2\.0\.jar is not the pinned jar.*{found}"):
        repository.fetch()
    assert TWO not in repository.kept()


def test_a_jar_that_changed_in_the_cache_is_named(repository: Repository) -> None:
    (_, two) = repository.fetch()
    two.write_bytes(two.read_bytes()[:-1])
    with pytest.raises(DemoUnavailable, match=r"two-2\.0\.jar is not the pinned jar.*remove .*cache"):
        repository.fetch()


def test_a_torn_download_is_tried_again(repository: Repository) -> None:
    repository.torn.add(ONE)
    repository.fetch()
    assert repository.asked.count(ONE) == 2
    assert repository.kept() == [ONE, TWO]


def test_what_cannot_be_downloaded_is_named_and_the_rest_kept(repository: Repository) -> None:
    (repository.files / TWO).unlink()
    with pytest.raises(DemoUnavailable, match=r"can't download two-2\.0\.jar.*needs the network once"):
        repository.fetch()
    assert repository.asked.count(TWO) == 3
    assert set(repository.kept()) <= {ONE}


def test_no_network(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(maven.DEFAULT_REMOTE_REPOS, "central", "http://127.0.0.1:9")
    with pytest.raises(DemoUnavailable, match=r"can't download .*\.jar.*needs the network once"):
        repository.fetch()
    assert repository.kept() == []


def test_two_at_once_do_not_break_each_other(repository: Repository) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = [job.result() for job in [pool.submit(repository.fetch) for _ in range(8)]]
    assert all(result == results[0] for result in results)
    assert repository.kept() == [ONE, TWO]


def test_a_cache_that_cannot_be_written_is_named(repository: Repository) -> None:
    repository.cache.write_text("a file where the folder should be")
    with pytest.raises(DemoUnavailable, match=r"can't keep Kafka's jars in .*cache.*XDG_CACHE_HOME"):
        repository.fetch()


def test_without_the_extra_the_error_names_it(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(DemoUnavailable, match=r"jgo.*pip install 'oddsbridge\[demo\]'"):
        repository.fetch()


def test_every_jar_of_the_pinned_version_has_its_sha256() -> None:
    lines = [line for line in PINS.read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[0-9a-f]{64}  [\w.+-]+(/[\w.+-]+){3,}\.jar", line) for line in lines)
    assert len({line.split()[1] for line in lines}) == len(lines) == 46
    assert any(line.endswith(f"/kafka_2.13-{jars.KAFKA_VERSION}.jar") for line in lines)
