from .figures import write_figures as write_figures
from .patients import write_patients as write_patients
from .report import write_report as write_report
