from . import volumes as volumes
