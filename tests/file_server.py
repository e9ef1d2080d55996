"""A web server in a thread that serves one file, well or badly."""

import contextlib
import http.server
import re
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each request with the server's next behavior, a function of the handler; when there is none left, by serving the file."""

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, dict(self.headers)))
        behavior = server.behaviors.pop(0) if server.behaviors else serve
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            behavior(self)
        self.close_connection = True

    def head(self, status, **headers):
        """Send the status and the headers; an underscore in a name stands for a hyphen."""
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def body(self, content):
        self.server.sent.append(len(content))
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


class FileServer(http.server.ThreadingHTTPServer):
    """Serves `content`, with ETag `tag`, under every path; `requests` and `sent` (bytes of each body) tell what happened."""

    daemon_threads = True

    def __init__(self, content, tag='"one"'):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.tag = content, tag
        self.behaviors, self.requests, self.sent = [], [], []
        self.closing = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}/file.h5"


@contextlib.contextmanager
def serving(content, tag='"one"'):
    """Run a server while the block runs."""
    server = FileServer(content, tag)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def serve(handler, stop=None):
    """Serve the file as a good server does; `stop`: only the first bytes of the body."""
    server, headers = handler.server, handler.headers
    wanted = re.fullmatch(r"bytes=(\d+)-", headers.get("Range", ""))
    size = len(server.content)
    if wanted and headers.get("If-Range", server.tag) == server.tag:
        start = int(wanted[1])
        if start >= size:
            handler.head(416, Content_Range=f"bytes */{size}")
            return
        handler.head(206, Content_Range=f"bytes {start}-{size - 1}/{size}", Content_Length=size - start, ETag=server.tag)
    else:
        start = 0
        handler.head(200, Content_Length=size, ETag=server.tag)
    handler.body(server.content[start : size if stop is None else start + stop])


def cut(after):
    """Close the connection after some bytes of the body."""
    return lambda handler: serve(handler, after)


def stall(after):
    """Send some bytes of the body, then nothing."""

    def behavior(handler):
        serve(handler, after)
        handler.server.closing.wait()

    return behavior


def answer(status, content=b"", **headers):
    """Send this, whatever was asked for."""

    def behavior(handler):
        handler.head(status, **{"Content_Length": len(content), **headers})
        handler.body(content)

    return behavior
