"""Reads a stream and does nothing with it: how fast the upstream is. `python -m benchmarks.null_reader PORT PATH`."""

import socket
import sys


def main(port: str, path: str) -> None:
    """Read until the connection ends."""
    with socket.create_connection(("127.0.0.1", int(port))) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: upstream\r\n\r\n".encode())
        room = bytearray(2**20)
        while sock.recv_into(room):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
