"""A small S3 server: one bucket in memory, as much of the protocol as s3fs speaks, and no signatures."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

WHEN = "2026-01-02T03:04:05.000Z"
LATELY = "Fri, 02 Jan 2026 03:04:05 GMT"
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Bucket(dict):
    """``{key: bytes}``, what was asked in order, and uploads in parts."""

    def __init__(self):
        super().__init__()
        self.asked: list[str] = []
        self.parts: dict[str, dict[int, bytes]] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, *_):
        pass

    def _split(self):
        url = urlsplit(self.path)
        _, _, key = unquote(url.path).lstrip("/").partition("/")
        return key, {k: v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()}

    def _answer(self, status, body=b"", **headers):
        self.send_response(status)
        headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _xml(self, name, inner):
        body = f'<?xml version="1.0" encoding="UTF-8"?><{name} {NAMESPACE}>{inner}</{name}>'
        self._answer(200, body.encode(), Content_Type="application/xml")

    def _missing(self):
        self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")

    def _object(self, key):
        data = self.bucket.get(key)
        if data is None:
            return self._missing()
        said = {
            "ETag": _etag(data),
            "Last_Modified": LATELY,
            "Accept_Ranges": "bytes",
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted:
            first, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            said["Content_Range"] = f"bytes {first}-{last}/{len(data)}"
            return self._answer(206, data[first : last + 1], **said)
        return self._answer(200, data, **said)

    def do_HEAD(self):
        key, _ = self._split()
        if not key:
            return self._answer(200)
        data = self.bucket.get(key)
        if data is None:
            return self._answer(404)
        return self._answer(
            200,
            Content_Length=str(len(data)),
            ETag=_etag(data),
            Last_Modified=LATELY,
        )

    def do_GET(self):
        key, query = self._split()
        self.bucket.asked.append(f"GET {key or query.get('prefix', '')}")
        return self._object(key) if key else self._list(query)

    def _list(self, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        contents, folders = [], []
        for key in sorted(k for k in self.bucket if k.startswith(prefix)):
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.append(prefix + rest.split(delimiter)[0] + delimiter)
            else:
                data = self.bucket[key]
                contents.append(
                    f"<Contents><Key>{escape(key)}</Key><LastModified>{WHEN}</LastModified>"
                    f"<ETag>{escape(_etag(data))}</ETag><Size>{len(data)}</Size>"
                    "<StorageClass>STANDARD</StorageClass></Contents>"
                )
        common = "".join(
            f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in dict.fromkeys(folders)
        )
        most = int(query.get("max-keys", 1000))
        inner = (
            f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(contents[:most])}</KeyCount>"
            f"<IsTruncated>false</IsTruncated>{''.join(contents[:most])}{common}"
        )
        self._xml("ListBucketResult", inner)

    def _body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            data = _unchunked(data)
        return data

    def do_PUT(self):
        key, query = self._split()
        data = self._body()
        if "partNumber" in query:
            self.bucket.parts[query["uploadId"]][int(query["partNumber"])] = data
        elif key:
            self.bucket.asked.append(f"PUT {key}")
            self.bucket[key] = data
        self._answer(200, ETag=_etag(data))

    def do_POST(self):
        key, query = self._split()
        data = self._body()
        if "delete" in query:
            for gone in re.findall(r"<Key>(.*?)</Key>", data.decode()):
                self.bucket.asked.append(f"DELETE {gone}")
                self.bucket.pop(gone, None)
            return self._xml("DeleteResult", "")
        if "uploads" in query:
            self.bucket.parts[key] = {}
            return self._xml("InitiateMultipartUploadResult", f"<UploadId>{escape(key)}</UploadId>")
        parts = self.bucket.parts.pop(query["uploadId"])
        self.bucket.asked.append(f"PUT {key}")
        self.bucket[key] = b"".join(parts[i] for i in sorted(parts))
        return self._xml("CompleteMultipartUploadResult", f"<Key>{escape(key)}</Key>")

    def do_DELETE(self):
        key, _ = self._split()
        self.bucket.asked.append(f"DELETE {key}")
        self.bucket.pop(key, None)
        self._answer(204)


def _etag(data):
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _unchunked(data):
    found = b""
    while data:
        head, _, data = data.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if not size:
            return found
        found, data = found + data[:size], data[size + 2 :]
    return found


@contextmanager
def serving():
    """Serve one bucket at a free port; yield the address and the bucket."""
    bucket = Bucket()
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
