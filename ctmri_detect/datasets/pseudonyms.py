"""The table of pseudonyms and their patients; written on request only."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.listing import is_folder
from ctmri_detect.io.volumes.dicom_headers import identities
from ctmri_detect.io.volumes.pseudonym import check_key, pseudonym
from ctmri_detect.storage.results import results_in
from ctmri_detect.storage.whole import whole_file


def write_pseudonyms(
    folder: str | Path,
    path: str | Path,
    *,
    key: str | bytes | None = None,
    patient: str | None = None,
) -> Path:
    """Write a table of the pseudonyms of a DICOM folder and the PatientID of each.

    `load_volume_pairs` gives pseudonyms, and nothing that it returns leads back to a patient. This
    table does, for those who have the images. It is a csv file with the columns `pseudonym`,
    `patient_id` and `issuer`, and one row for each patient. Only its owner may read the file (on
    systems that know such rights). Keep it where the images are, never beside results that you
    share.

    Parameters
    ----------
    folder : str or Path
        As for `load_volume_pairs`.
    path : str or Path
        A new file, in a folder that exists. Neither that folder nor one above it may hold results
        of a command.
    key : str or bytes, default=None
        The key with which the pseudonyms were made.
    patient : str, default=None
        As for `load_volume_pairs`; then `patient_id` is what it finds in the paths.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataLoadingError
        If there is no such folder, or no DICOM file of a patient in it.
    ValueError
        For a bad key, and if the file would lie among results.
    FileExistsError
        If the file exists.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from pydicom.data import get_testdata_file
    >>> from ctmri_detect.datasets import pseudonym, write_pseudonyms
    >>> with tempfile.TemporaryDirectory() as name:
    ...     scans = Path(name) / "scans"
    ...     scans.mkdir()
    ...     _ = (scans / "a.dcm").write_bytes(Path(get_testdata_file("CT_small.dcm")).read_bytes())
    ...     table = write_pseudonyms(scans, Path(name) / "who.csv", key="my secret")
    ...     print(table.read_text())
    pseudonym,patient_id,issuer
    sub-0f3885d406,1CT1,
    """
    check_key(key)
    path, folder = Path(path), Path(folder)
    if not is_folder(folder):
        raise DataLoadingError(
            f"There is no folder {folder.name!r}; expected one with DICOM files."
        )
    for above in path.absolute().parents:
        if found := results_in(above):
            raise ValueError(
                f"{path.name} would lie among results ({found[0]}), which people share; expected a "
                "place beside the images. Give another path."
            )
    if path.exists():
        raise FileExistsError(f"{path.name} exists. Give another path, or remove it first.")
    people = identities(folder, patient)
    if not people:
        raise DataLoadingError(
            f"No DICOM file of a patient was found in {folder.name!r}; expected at least one. Pass "
            "the folder that load_volume_pairs reads."
        )
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["pseudonym", "patient_id", "issuer"])
    rows = [(pseudonym(who, key, issuer=issuer), who, issuer) for who, issuer in people]
    table.writerows(sorted(rows))
    with whole_file(path) as file:
        os.chmod(file.name, 0o600)  # before anything is in it
        file.write(text.getvalue().encode())
    return path
