from . import known as known
from . import sidecar as sidecar
from . import slice_store as slice_store
from . import writer as writer
