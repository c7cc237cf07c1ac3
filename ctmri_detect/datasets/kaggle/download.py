"""Download the archive with Kaggle's client.

`kagglesdk` is the part of Kaggle's client that talks to the service. The package `kaggle` is its
command line: on import it logs in, prints, and may end the process, so it is not used. Import
this module only after credentials were found and the client is known to be installed.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import requests
from kagglesdk import KaggleClient, KaggleCredentials
from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest
from requests.adapters import HTTPAdapter
from tqdm import tqdm

from ctmri_detect.datasets.kaggle.credentials import BY_HAND, HOW_TO, PAGE, Credentials

OWNER, NAME = "darren2020", "ct-to-mri-cgan"
TIMEOUT = (15, 60)
"""Seconds to connect, and to wait for the next bytes; the client itself waits forever."""

_BLOCK = 1 << 20


class _Impatient(HTTPAdapter):
    """Gives a timeout to requests without one."""

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        options["timeout"] = options.get("timeout") or TIMEOUT
        return super().send(request, *args, **options)


def download(
    archive: Path,
    credentials: Credentials,
    *,
    n_retries: int = 3,
    delay: float = 1.0,
    hide_bar: bool | None = None,
) -> None:
    """Download the data set's archive; the next call continues an interrupted download.

    The bytes go to ``<archive>.part``, and ``<archive>.part.json`` says to which version of the
    archive they belong. Only a complete file gets the name `archive`.

    Parameters
    ----------
    archive : Path
        The file to write, in a folder that exists.
    credentials : Credentials
        As `find_credentials` returns them.
    n_retries : int, default=3
        How often to try again after a network error.
    delay : float, default=1.0
        Seconds between two tries.
    hide_bar : bool, default=None
        True shows no progress; None shows it on a terminal only.

    Raises
    ------
    PermissionError
        If Kaggle refuses the credentials or the download.
    OSError
        If there is no network or no such data set. The message says what to do.
    """
    while True:
        try:
            return _attempt(archive, credentials, hide_bar)
        except requests.HTTPError as error:
            problem: Exception = _refusal(error, credentials)
            again = _code(error) in (408, 429) or _code(error) >= 500
        except requests.RequestException as error:
            problem, again = _unreachable(error), True
        if not again or n_retries <= 0:
            # outside of `except`: the network's error, which holds a signed address, is left out
            raise problem
        n_retries -= 1
        time.sleep(delay)


def _attempt(archive: Path, credentials: Credentials, hide_bar: bool | None) -> None:
    token = credentials.token
    if token is None and credentials.key is None:  # a login: the client renews its token
        token = KaggleCredentials.load(client=KaggleClient()).get_access_token()
    with KaggleClient(
        username=credentials.username, password=credentials.key, api_token=token
    ) as client:
        for prefix in ("https://", "http://"):
            client.http_client()._session.mount(prefix, _Impatient())
        request = ApiDownloadDatasetRequest()
        request.owner_slug, request.dataset_slug = OWNER, NAME
        response = client.datasets.dataset_api_client.download_dataset(request)
        with response:
            _receive(response, archive, hide_bar)


def _receive(response: requests.Response, archive: Path, hide_bar: bool | None) -> None:
    """Write the response's bytes; they are appended if a part of the same archive is there."""
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise OSError(f"Kaggle, or a proxy before it, answered with a web page. {BY_HAND}")
    part, marker = (archive.with_name(archive.name + end) for end in (".part", ".part.json"))
    identity = response.headers.get("ETag") or response.headers.get("Last-Modified")
    size = _length(response)
    version = {"identity": identity, "size": size}
    have = part.stat().st_size if part.is_file() and _read_marker(marker) == version else 0
    if size and identity and 0 < have < size:
        response = _continue(response, have, identity)
    if response.status_code != 206:
        have = 0
        marker.write_text(json.dumps(version), encoding="utf-8")
    bar = tqdm(desc="downloading", total=size, initial=have, unit="B",
               unit_scale=True, unit_divisor=1024, disable=hide_bar)  # fmt: skip
    with response, bar, part.open("ab" if have else "wb") as sink:
        for block in response.iter_content(_BLOCK):
            sink.write(block)
            bar.update(len(block))
    got = part.stat().st_size
    if size is not None and got != size:
        raise requests.ConnectionError(f"{got} of {size} bytes came")
    part.replace(archive)
    marker.unlink()


def _continue(response: requests.Response, have: int, identity: str) -> requests.Response:
    """Ask the same address for the rest.

    The whole file comes where the server can't send a part of it, or where it changed.
    """
    sent = response.request
    if sent.method != "GET":  # Kaggle answered by itself, without sending us on to the storage
        return response
    headers = {**sent.headers, "Range": f"bytes={have}-", "If-Range": identity}
    rest = requests.get(str(sent.url), headers=headers, stream=True, timeout=TIMEOUT)
    if rest.status_code not in (200, 206):
        rest.close()
        return response
    response.close()
    return rest


def _length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() and "Content-Encoding" not in response.headers else None


def _read_marker(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _code(error: requests.HTTPError) -> int:
    return 0 if error.response is None else error.response.status_code


def _refusal(error: requests.HTTPError, credentials: Credentials) -> OSError:
    code = _code(error)
    if code == 401:
        return PermissionError(
            f"Kaggle refused the credentials in {credentials.source} (401). {HOW_TO} {BY_HAND}"
        )
    if code == 403:
        return PermissionError(
            f"Kaggle refused the download (403): the terms may not be accepted yet, or the "
            f"credentials in {credentials.source} may not allow it. Sign in, open {PAGE}, press "
            f"Download once and agree; then fetch again. {BY_HAND}"
        )
    if code == 404:
        return OSError(f"Kaggle has no data set {OWNER}/{NAME} any more (404). {BY_HAND}")
    return OSError(f"Kaggle could not serve the data set (HTTP {code}). Try later. {BY_HAND}")


def _unreachable(error: Exception) -> OSError:
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return OSError(
        f"The download from Kaggle failed ({type(inner).__name__}: {inner}). Check the network "
        f"and the proxy, and fetch again: the download continues where it stopped. {BY_HAND}"
    )
