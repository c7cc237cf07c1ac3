"""The library's own errors and warnings.

Every error is also the built-in kind that scikit-learn's users expect (`ValueError`), so that
``except ValueError`` keeps working.
"""

from __future__ import annotations


class InvalidPairsError(ValueError):
    """X, masks, labels or groups are not what the contract says they are."""


class DataLoadingError(ValueError):
    """A folder or a file cannot be made into pairs."""


class MissingModalityError(ValueError):
    """A detector that needs all planes got samples in which one is missing."""


class InjectionError(ValueError):
    """A requested anomaly can't be put into a slice so that it is visible."""


class UntrustedModelError(ValueError):
    """A saved model holds types that this library does not load."""


class BrainNotFoundError(InvalidPairsError):
    """No brain was found in (nearly) any sample; the units or the images are not what was said."""


class CtmriDetectWarning(UserWarning):
    """Base of all warnings of this library."""


class BrainNotFoundWarning(CtmriDetectWarning):
    """No brain was found in some samples; a larger mask was used instead."""


class FewPatientsWarning(CtmriDetectWarning):
    """Too few patients: thresholds may flag too many new slices, or a comparison means little."""


class PatientsUnknownWarning(CtmriDetectWarning):
    """The patients are unknown; contiguous rows are taken for patients."""


class ThresholdWarning(CtmriDetectWarning):
    """Too few held-out slices for the false-positive rate that was asked for."""


class TrainingDataWarning(CtmriDetectWarning):
    """Samples are scored that the detector was fitted on; they look too normal."""


class UnlikeTrainingWarning(CtmriDetectWarning):
    """Most samples look unlike the training slices as a whole, as in another MRI sequence."""


class SkippedFilesWarning(CtmriDetectWarning):
    """Some files of a folder could not be used; the rest was loaded."""


class LabelsWarning(CtmriDetectWarning):
    """Labels are not used (in `fit`: not coded +1 and -1), or +1 and -1 seem to be exchanged."""


class DetectorFailedWarning(CtmriDetectWarning):
    """Some detectors of a benchmark raised an error; the others were measured."""


class UnlabelledWarning(CtmriDetectWarning):
    """A set without labels can't say which detector is better."""


class UnpairedDataWarning(CtmriDetectWarning):
    """CT and MRI do not seem to show the same heads; cross-modal comparison means nothing."""


class IdentityWarning(CtmriDetectWarning):
    """CT and MRI have one patient's ID, and seem to be of two people."""


class ModalitiesExchangedWarning(CtmriDetectWarning):
    """The CT of the pairs look like MRI, and the MRI like CT."""


class MixedDataWarning(CtmriDetectWarning):
    """A data set mixes what should be one: MRI sequences, scalings, sizes."""


class UnitsWarning(CtmriDetectWarning):
    """The values of a CT can't be Hounsfield units."""


class GeometryWarning(CtmriDetectWarning):
    """The position of a volume is uncertain, slices are missing, or CT and MRI hardly overlap."""


class PrivacyWarning(CtmriDetectWarning):
    """Images may show who the patient is."""


class CheckpointWarning(CtmriDetectWarning):
    """A checkpoint of a training could not be written; the training went on."""


class ModelVersionWarning(CtmriDetectWarning):
    """A model was saved with other versions than those that load it."""
