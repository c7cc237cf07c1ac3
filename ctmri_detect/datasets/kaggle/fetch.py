"""The Kaggle set "CT to MRI cGAN": CT and MRI that are no pairs."""

from __future__ import annotations

import os
import warnings
from collections import Counter

from sklearn.utils import Bunch

from ctmri_detect._parameters import OneOf, check_value, integer
from ctmri_detect.datasets.kaggle.reading import frame_of, read_images
from ctmri_detect.datasets.kaggle.store import acquire, data_folder, images_of
from ctmri_detect.exceptions import SkippedFilesWarning
from ctmri_detect.io.loaded import loaded
from ctmri_detect.storage.pair_store import PairStore

SUBSETS = ("all", "train", "test", "demo")

_DESCR = """\
CT to MRI cGAN (Kaggle, darren2020/ct-to-mri-cgan)
https://www.kaggle.com/datasets/darren2020/ct-to-mri-cgan

Brain slices in the layout of unpaired image translation: images/{{trainA, trainB, testA,
testB}}, A for CT, B for MRI, and six images in unseen_demo_images. The published set holds
1742 + 744 CT and 1744 + 744 MRI; loaded here: {counts}.

NOT PAIRED. ct100 and mri100 show different people and different levels, and the MRI have several
sequences. Each image is a sample of its own, and its other plane is NaN. Comparing CT with MRI
means nothing here.

CT: PNG, 512x512, 8-bit, an exported brain window (no Hounsfield units); slices of the
PhysioNet set CT-ICH (Hssayeni et al., Data 2020, 5(1):14), some with haemorrhage.
MRI: JPEG, colour, 150 to 630 pixels, cropped to the head, of several sequences, without a
scale; slices of brain tumour sets, about a quarter with a tumour.
Images are padded to a square with NaN and resized to {size}x{size}.

Patients are unknown, and slices of one CT patient are in train AND test: no split of this set
keeps patients apart, so no held-out figure on it can be trusted. There are no labels.

Licence: this library contains none of the images and passes none on. Read the terms on the page
of the set and of its sources before use; research only, and never for diagnosis.
"""


def fetch_kaggle_ct_mri(
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    *,
    subset: str = "all",
    size: int = 256,
    cache: str | os.PathLike[str] | None = None,
    from_archive: str | os.PathLike[str] | None = None,
    n_retries: int = 3,
    delay: float = 1.0,
    progress: bool | None = None,
) -> Bunch:
    """Load the Kaggle set "CT to MRI cGAN", and download it first where it is missing.

    The set is **not paired**: each image is a sample of its own, whose other plane is NaN.
    Use it for detectors that score one modality; `DESCR` says what the images are.

    The download needs the extra ``kaggle`` and Kaggle credentials: ``~/.kaggle/kaggle.json``
    (kaggle.com > Settings > API; ``chmod 600``), or ``KAGGLE_USERNAME`` and ``KAGGLE_KEY``, or
    ``KAGGLE_API_TOKEN``. Without them, download the archive in a browser and pass
    `from_archive`. The set is unpacked under another name, checked, and renamed last, so that a
    part of it is never taken for the whole. The next call continues an interrupted download. A set
    that is there is used without network or credentials; its files are checked against the
    SHA-256 that they had when they were fetched.

    When it fails: Kaggle publishes no checksums, so an archive that was already wrong when it was
    downloaded is not noticed, if it can be unpacked and holds images in each part.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The set goes into ``ct-to-mri-cgan`` in this folder. None means the environment
        variable ``CTMRI_DETECT_DATA``, or else ``~/ctmri_detect_data``.
    download_if_missing : bool, default=True
        False raises an OSError where the set is not there.
    subset : {"all", "train", "test", "demo"}, default="all"
        Which of the author's parts to load. The same patients are in train and test.
    size : int, default=256
        Height and width of the samples, in pixels. Images are padded to a square with NaN, then
        resized (by area when shrinking, else linear). All images at 256 take 2.6 GB; memory grows
        with the square of `size`.
    cache : str or path-like, default=None
        A .npy file to which the samples are written. `data` then reads from it, and memory holds
        a few samples only. An existing file is replaced.
    from_archive : str or path-like, default=None
        The zip that Kaggle's page offers, instead of a download.
    n_retries : int, default=3
        How often to try again after a network error.
    delay : float, default=1.0
        Seconds between two tries.
    progress : bool, default=None
        Progress bars on stderr; None shows them on a terminal only.

    Returns
    -------
    Bunch
        In the order train, test, demo; CT, MRI; number. With:

        - data: `Pairs` of shape ``(n, 2, size, size)``; the missing plane is NaN.
        - target, masks, groups: None.
        - frame: DataFrame with ct, mri (paths in the set's folder, None where missing), patient
          (None), slice (the number in the name, which is no place), spacing (NaN), sequence and
          kind (None), split.
        - paired: False.
        - ct_units: "uint8".
        - skipped: list of (file, reason).
        - DESCR: a description in words.

    Raises
    ------
    PermissionError
        If there are no credentials, or Kaggle refuses them or the download.
    OSError
        If the set is missing and may not be downloaded, or the network or the disk fails.
    DataLoadingError
        If the archive is refused, or files on disk are not those that were fetched.
    ValueError
        For a bad `subset` or `size`.

    Warns
    -----
    SkippedFilesWarning
        If images can't be read.
    CtmriDetectWarning
        If the archive holds another number of images than the published set, or other users can
        read the file with the credentials.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect.datasets import fetch_kaggle_ct_mri
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     fetch_kaggle_ct_mri(empty, download_if_missing=False)
    Traceback (most recent call last):
    ...
    OSError: Data not found in ...
    """
    check_value("subset", subset, [OneOf(*SUBSETS)])
    check_value("size", size, [integer(1)])
    store = PairStore(cache, overwrite=True)  # refuses a bad path before the download
    hide_bar = None if progress is None else not progress
    folder = data_folder(data_home)
    manifest = acquire(
        folder,
        from_archive=from_archive,
        download_if_missing=download_if_missing,
        n_retries=n_retries,
        delay=delay,
        hide_bar=hide_bar,
    )
    images = [image for image in images_of(manifest["files"]) if subset in ("all", image.split)]
    read, skipped = read_images(images, folder, manifest, int(size), store, hide_bar)
    if skipped:
        warnings.warn(
            f"{len(skipped)} images of the Kaggle set were skipped ({skipped[0][0]}: "
            f"{skipped[0][1]}). All are listed in `skipped`.",
            SkippedFilesWarning,
            stacklevel=2,
        )
    counts = Counter(image.plane.upper() for image in read)
    shown = f"{counts['CT']} CT and {counts['MRI']} MRI of subset {subset!r}"
    return loaded(
        store.data(),
        frame_of(read),
        ct_units="uint8",
        paired=False,
        skipped=skipped,
        description=_DESCR.format(counts=shown, size=size),
    )
