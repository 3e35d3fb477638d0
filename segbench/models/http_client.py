"""Requests to a server that is not trusted: they take no longer, and bring no more, than is allowed."""

from __future__ import annotations

import os
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from segbench.errors import PluginError, UsageError

TOKEN = "SEGBENCH_HTTP_TOKEN"
_CHUNK = 1 << 16
_BRIEF = 200
"""Characters of an error that are shown."""


class Client:
    """One connection to a server, kept open from request to request.

    Parameters
    ----------
    url
        ``http://host:port/path`` or ``https://…``.
    seconds
        That a request may take, answer included.
    limit
        Bytes of an answer that are read.

    Raises
    ------
    UsageError
        When the address is none, or holds a password.
    """

    def __init__(self, url: str, seconds: float, limit: int) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if not parts.hostname or port == -1 or parts.query or parts.fragment:
            raise UsageError(f"{url} is no address of a server: expected http://host:port/path")
        if parts.username is not None:
            raise UsageError(f"a secret in an address ends up in records: put a token into {TOKEN} instead")
        self.url = url.rstrip("/")
        self._host, self._port, self._path = parts.hostname, port, parts.path.rstrip("/")
        self._secure = parts.scheme == "https"
        self._seconds, self._limit = seconds, limit
        self._connection: HTTPConnection | None = None

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None:
            self._close()

    def twin(self) -> Client:
        """Another client of the same server."""
        return Client(self.url, self._seconds, self._limit)

    def get(self, path: str) -> bytes:
        """Return what is at ``<url>/<path>``; errors as :meth:`post`."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: bytes, kind: str) -> bytes:
        """Send bytes of a content type to ``<url>/<path>`` and return the answer.

        Raises
        ------
        PluginError
            When there is none in time, it is too large, or its status is not 200.
        """
        return self._ask("POST", path, body, {"Content-Type": kind})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        if token := os.environ.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        deadline = time.monotonic() + self._seconds
        kept = self._connection is not None
        try:
            return self._once(method, path, body, headers, deadline)
        except TimeoutError:
            self._close()
            raise PluginError(f"{self.url} did not answer within {self._seconds:g} s") from None
        except (OSError, HTTPException) as error:
            self._close()
            if kept:  # a server may close a connection that was idle: asked once more, anew
                return self._ask(method, path, body, headers)
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise PluginError(f"{self.url} cannot be asked: {reason}") from None

    def _once(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], deadline: float
    ) -> bytes:
        connection = self._connection = self._connection or self._connect()
        connection.timeout = self._seconds
        if connection.sock is not None:
            connection.sock.settimeout(self._seconds)
        connection.request(method, f"{self._path}/{path}", body, headers)
        sock = connection.sock  # which the connection lets go where the server closes it after this answer
        with connection.getresponse() as response:
            data = self._read(sock, response, deadline)
        if response.status != 200:
            text = data.decode("utf-8", "replace").strip().partition("\n")[0][:_BRIEF]
            raise PluginError(f"{self.url}/{path.partition('?')[0]}: status {response.status}: {text}")
        return data

    def _read(self, sock: Any, response: Any, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left)
            part = response.read1(_CHUNK)
            if not part:
                return b"".join(parts)
            size += len(part)
            if size > self._limit:
                self._close()
                raise PluginError(f"{self.url}: the answer is larger than {self._limit:,} bytes (max_mb)")
            parts.append(part)

    def _connect(self) -> HTTPConnection:
        kind = HTTPSConnection if self._secure else HTTPConnection
        return kind(self._host, self._port, timeout=self._seconds)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
