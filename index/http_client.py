"""Chroma's HTTP client with time limits, retries and errors that name the server; imported when one is used."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import tenacity
from chromadb.api.client import Client
from chromadb.api.fastapi import FastAPI
from chromadb.config import Settings, System
from chromadb.errors import ChromaError, NotFoundError, error_types

from ..errors import PayloadTooLarge, StoreDenied, StoreError, StoreUnreachable, UsageError
from ..settings import StoreSettings
from .failures import server_error

_FIRST_WAIT = 0.2
"""Seconds before the first retry, on average; each further wait is twice as long."""

_LONGEST_WAIT = 5.0
"""Seconds between retries at most, so that a server that is back is noticed soon."""

_BUSY = (429, 502, 503, 504)
"""Status codes of a server, or a proxy before it, that may answer later."""

_DENIED = (401, 403)
_TOO_LARGE = 413

_SHOWN = 200
"""Characters of an answer that a message quotes."""

_MAJOR_VERSION = "1"
"""Chroma servers of this version speak the protocol of the client."""

_NOT_REPEATED = "/upsert"
"""End of the path of requests not to be repeated blindly: writing stored rows again took 3 to 20 times as long."""


def retries(settings: StoreSettings) -> tenacity.Retrying:
    """Retry while the server cannot be reached, at growing intervals."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(StoreUnreachable),
        stop=tenacity.stop_after_delay(settings.retry_seconds),
        wait=tenacity.wait_random_exponential(_FIRST_WAIT, _LONGEST_WAIT),
        reraise=True,
    )


class Session(httpx.Client):
    """The connection of Chroma's client, which has neither time limits nor retries of its own.

    Requests are repeated only once the server has answered the first, so that a wrong address is reported at once.
    """

    def __init__(self, url: str, settings: StoreSettings, headers: Mapping[str, str]) -> None:
        super().__init__(
            timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
            headers=headers,
            verify=_certificates(settings),
        )
        self._url, self._store_settings, self._answered = url, settings, False

    def request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Response:
        if not self._answered or str(url).endswith(_NOT_REPEATED):
            return self._once(method, url, options)
        return retries(self._store_settings)(self._once, method, url, options)

    def _once(self, method: str, url: httpx.URL | str, options: dict[str, Any]) -> httpx.Response:
        with _named(self._url, self._store_settings):
            answer = super().request(method, url, **options)
        _check_answer(self._url, answer)
        self._answered = True
        return answer


def open_api(url: str, settings: StoreSettings, headers: dict[str, str]) -> FastAPI:
    """Make the requests of Chroma's client use a `Session`; nothing is sent yet."""
    api = FastAPI(System(_client_settings(url, headers)))
    api._session.close()
    api._session = Session(url, settings, api.get_request_headers())
    return api


class ServerClient(Client):
    """A client of one database that makes no request before it is used."""

    def __init__(self, api: FastAPI, tenant: str, database: str) -> None:
        self._server, self.tenant, self.database = api, tenant, database


def connect(url: str, settings: StoreSettings, headers: dict[str, str]) -> FastAPI:
    """Connect to a server, and check that it is a Chroma server of a version that can be used.

    Raises:
        StoreError: It is not, it cannot be reached, or it wants another token.
    """
    api = open_api(url, settings, headers)
    try:
        check_version(url, api.get_version())
    except BaseException as failed:
        api._session.close()
        if isinstance(failed, (StoreError, KeyboardInterrupt)):
            raise
        raise _not_chroma(url) from failed
    return api


def check_version(url: str, version: object) -> None:
    """Refuse a server of another major version than the client.

    Raises:
        StoreError: It is one.
    """
    if not isinstance(version, str) or not version[:1].isdigit():
        raise _not_chroma(url)
    if version.partition(".")[0] != _MAJOR_VERSION:
        raise StoreError(
            f"The Chroma server {url} is of version {version}, and this Reelweave needs {_MAJOR_VERSION}.x.",
            "Start a server of that version, as `chroma run` of the same environment does.",
        )


def has_database(api: FastAPI, tenant: str, database: str) -> bool:
    """Tell whether a server has a database."""
    try:
        api.get_database(database, tenant)
    except NotFoundError:
        return False
    return True


def create_database(api: FastAPI, tenant: str, database: str) -> None:
    """Create a database, and its tenant, where they are missing."""
    if has_database(api, tenant, database):
        return
    try:
        api.get_tenant(tenant)
    except NotFoundError:
        api.create_tenant(tenant)
    try:
        api.create_database(database, tenant)
    except ChromaError:
        # A repeated request, or another process, has created it.
        if not has_database(api, tenant, database):
            raise


def _client_settings(url: str, headers: dict[str, str]) -> Settings:
    return Settings(
        anonymized_telemetry=False,
        chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host=url,
        chroma_server_http_port=0,
        chroma_server_headers=headers,
    )


def _certificates(settings: StoreSettings) -> ssl.SSLContext | bool:
    if not settings.ca_file:
        return True
    file = Path(settings.ca_file).expanduser()
    try:
        return ssl.create_default_context(cafile=str(file))
    except OSError as failed:
        raise UsageError(f"store.ca_file {file} has no certificates ({failed}).", "Give a PEM file.") from failed


@contextmanager
def _named(url: str, settings: StoreSettings) -> Iterator[None]:
    """Translate failures of a request into errors that name the server."""
    try:
        yield
    except httpx.TimeoutException as failed:
        seconds = settings.connect_timeout if isinstance(failed, httpx.ConnectTimeout) else settings.read_timeout
        key = "store.connect_timeout" if isinstance(failed, httpx.ConnectTimeout) else "store.read_timeout"
        raise StoreUnreachable(
            f"The Chroma server {url} did not answer within {seconds:g} seconds.",
            f"Run the command again once it answers; {key} allows more time.",
        ) from failed
    except httpx.TransportError as failed:
        raise _unreachable(url, failed) from failed


def _unreachable(url: str, failed: Exception) -> StoreUnreachable:
    reason = (str(failed).splitlines() or [type(failed).__name__])[0]
    remedy = "Start it, or correct store.url, and run the command again."
    if "CERTIFICATE" in reason or "certificate" in reason:
        remedy = "Name its certificate with store.ca_file, or correct store.url."
    return StoreUnreachable(f"The Chroma server {url} cannot be reached ({reason}).", remedy)


def _check_answer(url: str, answer: httpx.Response) -> None:
    """Raise an error for a refusal that is not one of Chroma's own exceptions."""
    status = answer.status_code
    if status in _DENIED:
        raise StoreDenied(
            f"The Chroma server {url} refused the token (HTTP {status}).",
            "Give a valid one in REELWEAVE_STORE_TOKEN or store.token_file.",
        )
    if status == _TOO_LARGE:
        raise PayloadTooLarge(f"The Chroma server {url} refused a request as too large.", "Raise its limit.")
    if status in _BUSY:
        raise StoreUnreachable(
            f"The Chroma server {url} is not available (HTTP {status}).", "Run the command again once it is."
        )
    if answer.is_error and not _is_chroma_error(answer):
        raise server_error(url, f"HTTP {status}: {answer.text[:_SHOWN]}" if answer.text else f"HTTP {status}")


def _is_chroma_error(answer: httpx.Response) -> bool:
    try:
        return answer.json()["error"] in error_types
    except (ValueError, TypeError, KeyError):
        return False


def _not_chroma(url: str) -> StoreError:
    return StoreError(
        f"{url} does not answer as a Chroma server of version {_MAJOR_VERSION}.x does.", "Correct store.url."
    )
