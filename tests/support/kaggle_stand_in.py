"""A local server that answers Kaggle's own client as Kaggle and its storage do."""

from __future__ import annotations

import json
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

KEYS = ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_CONFIG_DIR", "NO_PROXY",
        "KAGGLE_API_V1_TOKEN", "XDG_CONFIG_HOME", "CTMRI_DETECT_DATA", "no_proxy")  # fmt: skip


def write_archive(path, **extra):
    """A small set in the real layout, the images as bytes by their name in the archive."""
    rng = np.random.default_rng(0)
    files = {}
    for folder, ending, shape in (
        ("images/trainA/ct{}.png", ".png", (20, 20)),
        ("images/trainB/mri{}.jpg", ".jpg", (30, 20, 3)),
        ("images/testA/ct{}.png", ".png", (20, 20)),
        ("images/testB/mri{}.jpg", ".jpg", (20, 25, 3)),
        ("unseen_demo_images/ct/ct{}.png", ".png", (20, 20)),
        ("unseen_demo_images/mri/mri{}.jpg", ".jpg", (16, 16, 3)),
    ):
        for number in (10, 2):
            image = rng.integers(0, 255, shape).astype(np.uint8)
            files["Dataset/" + folder.format(number)] = cv2.imencode(ending, image)[1].tobytes()
    files |= extra
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return files


class KaggleStandIn(ThreadingHTTPServer):
    """Serves `archive`. `status` and `storage_status` refuse.

    `cuts` are bytes after which a download breaks off, or with `stall` waits for `release`.
    """

    daemon_threads = True

    def __init__(self, archive):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.archive, self.etag = archive, '"v1"'
        self.status, self.storage_status = 200, 200
        self.cuts, self.stall = [], False
        self.stalled, self.release = threading.Event(), threading.Event()
        self.asked, self.served = [], []

    def environment(self, home):
        """What makes the client of a process in `home` talk to this server."""
        proxy = f"http://127.0.0.1:{self.server_port}"
        return {
            "HOME": str(home),
            "KAGGLE_API_ENVIRONMENT": "TEST",  # the client then asks http://localhost:7777
            "HTTP_PROXY": proxy,
            "http_proxy": proxy,
        }


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        assert self.path.endswith("/v1/datasets.DatasetApiService/DownloadDataset"), self.path
        self.server.asked.append((self.headers.get("Authorization"), json.loads(body)))
        if self.server.status != 200:
            message = {"code": self.server.status, "message": "no, says the service"}
            self._answer(self.server.status, json.dumps(message).encode(), "application/json")
            return
        self.send_response(302)
        self.send_header("Location", "http://storage.test/archive.zip?signature=s3cret")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        server = self.server
        if server.storage_status != 200:
            self._answer(server.storage_status, b"<Error/>", "application/xml")
            return
        content = server.archive.read_bytes()
        start = 0
        if "Range" in self.headers and self.headers.get("If-Range") == server.etag:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        server.served.append((self.headers.get("Authorization"), start))
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = server.cuts.pop(0) if server.cuts else len(content)
        self.wfile.write(content[start : start + end])
        if server.stall:
            self.wfile.flush()
            server.stalled.set()
            if server.release.wait(timeout=60):
                self.wfile.write(content[start + end :])
        self.close_connection = True

    def _answer(self, code, content, kind):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@contextmanager
def kaggle_stand_in(archive):
    """The server, running."""
    server = KaggleStandIn(archive)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
