from . import volumes as volumes
from .map_slices import write_map_slice as write_map_slice
from .map_writer import MapWriter as MapWriter
from .map_writer import write_maps as write_maps
from .volumes.scan_maps import WrittenMap as WrittenMap
