from .figures import write_figures as write_figures
from .report import write_report as write_report
