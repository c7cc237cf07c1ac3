"""Stable names that do not reveal who the patients are."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ctmri_detect.io.words import canonical

_LONGEST_KEY = 64  # bytes, what BLAKE2b takes


def pseudonym(patient_id: str, key: str | bytes | None = None, *, issuer: str = "") -> str:
    """``sub-`` and ten hexadecimal digits: the same for the same patient and key, everywhere.

    `load_volume_pairs` gives these names to DICOM patients. A name is a message authentication
    code (keyed BLAKE2b, RFC 7693, a substitute for HMAC) of the PatientID and the
    IssuerOfPatientID. It has 40 bits: among 10,000 patients, the chance that two share a name is
    1 in 20,000.

    When it fails: **without a key of your own** anybody can hash a known PatientID and see
    whether that patient is in the set. With a secret key nobody else can. A patient whose ID was
    written in two ways gets two names.

    Parameters
    ----------
    patient_id : str
        Spaces around it do not matter (DICOM adds some), nor does the way accents are encoded.
    key : str or bytes, default=None
        Of 1 to 64 bytes. Make it once (``secrets.token_hex(32)``), and keep it like a password.
        With the same key, a patient gets the same name in every data set.
    issuer : str, default=""
        Who gave the ID: two hospitals may give the same ID to two people.

    Returns
    -------
    str
        The pseudonym.

    Raises
    ------
    ValueError
        For a key of another type or length.

    Examples
    --------
    >>> from ctmri_detect.datasets import pseudonym
    >>> pseudonym("1234", "my secret") == pseudonym(" 1234 ", b"my secret")
    True
    >>> pseudonym("1234") == pseudonym("1234", "my secret")
    False
    """
    secret = check_key(key)
    text = canonical(f"{patient_id.strip()}\x1f{issuer.strip()}")
    return "sub-" + hashlib.blake2b(text.encode(), digest_size=5, key=secret).hexdigest()


def check_key(key: str | bytes | None) -> bytes:
    """The key as bytes, empty for None.

    Raises
    ------
    ValueError
        For another type or length; the message never holds the key.
    """
    if key is None:
        return b""
    if not isinstance(key, str | bytes):
        raise ValueError(f"key is of type {type(key).__name__}; expected str, bytes or None.")
    secret = key.encode() if isinstance(key, str) else key
    if not 1 <= len(secret) <= _LONGEST_KEY:
        raise ValueError(f"key has {len(secret)} bytes; expected 1 to {_LONGEST_KEY}.")
    return secret


def read_key(path: str | Path) -> bytes:
    """The key that a file holds: its bytes, without line breaks at the end.

    Raises
    ------
    ValueError
        If it can't be read, or holds no key of 1 to 64 bytes. The message never holds the key.
    """
    try:
        secret = Path(path).read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise ValueError(
            f"The key file can't be read: {error.strerror or type(error).__name__}. Expected a "
            "file that holds the key, and nothing else."
        ) from error
    if not 1 <= len(secret) <= _LONGEST_KEY:
        raise ValueError(
            f"The key file holds {len(secret)} bytes; expected 1 to {_LONGEST_KEY}. Make one: "
            "openssl rand -hex 32 > key.txt"
        )
    return secret
