from .describe import describe_pairs as describe_pairs
from .page import write_inspection as write_inspection
