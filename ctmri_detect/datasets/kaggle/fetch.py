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

NOT PAIRED. ct100 and mri100 are other people, other levels and other sequences. Each image is
a sample of its own, and its other plane is NaN. No cross-modal comparison means anything here.

CT: PNG, 512x512, 8-bit, an exported brain window (no Hounsfield units); slices of the
PhysioNet set CT-ICH (Hssayeni et al., Data 2020, 5(1):14), some with haemorrhage.
MRI: JPEG, colour, 150 to 630 pixels, cropped to the head, of several sequences, without a
scale; slices of brain tumour sets, about a quarter with a tumour.
Images are padded to a square with NaN and resized to {size}x{size}.

Patients are unknown, and slices of one CT patient are in train AND test: no split of this set
keeps patients apart, so no held-out figure on it can be trusted. There are no labels.

Licence: this library holds and passes on no image. Read the terms on the page of the set and
of its sources before use; research only, and never for diagnosis.
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
    """Load the Kaggle set "CT to MRI cGAN", downloading it where it is missing.

    The set is **not paired**: each image is one sample whose other modality is a plane of NaN.
    Use it for detectors that score one modality; `DESCR` tells what the images are.

    The download needs the extra ``kaggle`` and Kaggle credentials: ``~/.kaggle/kaggle.json``
    (kaggle.com > Settings > API; ``chmod 600``), or ``KAGGLE_USERNAME`` and ``KAGGLE_KEY``, or
    ``KAGGLE_API_TOKEN``. Without them, download the archive in a browser and pass
    `from_archive`. The set is unpacked beside its folder, checked, and renamed last, so that half
    a set is never taken for the whole; an interrupted download is continued. A folder that is
    there is used without network or credentials; its files are checked against the SHA-256
    they had when fetched.

    When it fails: the checksums are those of what came, for Kaggle publishes none.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The set goes into ``ct-to-mri-cgan`` in this folder. None means the environment
        variable ``CTMRI_DETECT_DATA``, or else ``~/ctmri_detect_data``.
    download_if_missing : bool, default=True
        False raises an OSError where the set is not there.
    subset : {"all", "train", "test", "demo"}, default="all"
        Which of the author's parts to load. Patients are in both train and test.
    size : int, default=256
        Height and width of the samples. Images are padded to a square with NaN, then resized
        (area when shrinking, linear else). All at 256 take 2.6 GB.
    cache : str or path-like, default=None
        A .npy file to write the samples to; `data` then reads from it, and
        memory holds a few samples only. An existing file is replaced.
    from_archive : str or path-like, default=None
        The zip that Kaggle's page offers, instead of a download.
    n_retries : int, default=3
        How often to try again after a network error.
    delay : float, default=1.0
        Seconds between.
    progress : bool, default=None
        Bars on stderr; None shows them on a terminal only.

    Returns
    -------
    Bunch
        `data` `Pairs` ``(n, 2, size, size)``, the missing plane NaN; `target`, `masks` and
        `groups` None; `frame` DataFrame with ct, mri (paths in the set's folder, None where
        missing), patient (None), slice (the number in the name, not a level), spacing (NaN),
        sequence and kind (None), split; `paired` False; `ct_units` "uint8"; `skipped` list of
        (file, reason); `DESCR`. In the order train, test, demo; CT, MRI; number.

    Raises
    ------
    PermissionError
        Where there are no credentials, or Kaggle refuses them or the download.
    OSError
        Where the set is missing and may not be downloaded, or the network or the disk fails.
    DataLoadingError
        Where the archive is refused, or files on disk are not those that were fetched.
    ValueError
        For a `subset` or `size` that is none.

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
