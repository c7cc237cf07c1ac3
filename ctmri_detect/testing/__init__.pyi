from .check import check_detector as check_detector
from .check import detector_checks as detector_checks
from .heads import make_heads as make_heads
from .heads import plant as plant
from .step import check_step as check_step
from .step import step_checks as step_checks
