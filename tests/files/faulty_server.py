"""A small HTTP server with ranges, and with the faults that real ones have."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """One file on the server."""

    content: bytes
    etag: str | None = '"one"'
    ranges: bool = True
    # What happens to the next requests, one each: "cut:N" sends N bytes and hangs up,
    # "status:N" answers with that status, "ok" does nothing.
    faults: list[str] = field(default_factory=list)
    redirect: str | None = None
    # After this many answers the content (and the ETag) change.
    replace_after: int | None = None
    replacement: bytes = b""


@dataclass(frozen=True)
class Request:
    path: str
    range: str | None
    if_range: str | None


class FaultyServer:
    """Serves `files` (path -> Served) on the loopback interface and remembers the requests."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.requests: list[Request] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def add(self, path: str, served: Served) -> str:
        self.files[path] = served
        return self.address + path

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                if_range = self.headers.get("If-Range")
                outer.requests.append(Request(self.path, wanted, if_range))
                outer._answer(self, wanted, if_range)

        return Handler

    def _answer(
        self, handler: BaseHTTPRequestHandler, wanted: str | None, if_range: str | None
    ) -> None:
        served = self.files.get(handler.path)
        if served is None:
            return _finish(handler, 404)
        if served.replace_after is not None:
            if served.replace_after == 0:
                served.content, served.etag = served.replacement, '"two"'
            served.replace_after -= 1
        if served.redirect:
            return _finish(handler, 302, {"Location": served.redirect})
        fault = served.faults.pop(0) if served.faults else "ok"
        kind, _, number = fault.partition(":")
        if kind == "status":
            return _finish(handler, int(number))
        headers = {"ETag": served.etag} if served.etag else {}
        body, status = served.content, 200
        if wanted and served.ranges and if_range in (None, served.etag):
            start, stop = _range(wanted, len(body))
            if start >= len(body):
                return _finish(handler, 416, {"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
            body, status = body[start:stop], 206
        headers["Content-Length"] = str(len(body))
        return _finish(handler, status, headers, body[: int(number)] if kind == "cut" else body)


def _range(header: str, size: int) -> tuple[int, int]:
    first, _, last = header.removeprefix("bytes=").partition("-")
    return int(first), min(int(last) + 1, size) if last else size


def _finish(
    handler: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> None:
    handler.send_response(status)
    for name, value in (headers or {"Content-Length": "0"}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
