"""The texts of --help above and below the arguments."""

from __future__ import annotations

DESCRIPTION = """\
Unsupervised anomaly detection for paired brain CT and MRI.

Learns normal anatomy from unlabelled CT-MRI pairs, scores new pairs, and shows where and in
which modality they are anomalous. Research software; not for diagnosis.
"""
EXAMPLES = """\
examples:
  ctmri-detect demo --quick
  ctmri-detect inspect pairs/
  ctmri-detect fit pairs/ --detector cross-modal --patient '^(p\\d+)_' --out model.ctmri
  ctmri-detect score model.ctmri new/ --out scores/ --top 20
  ctmri-detect benchmark pairs/ --labels labels.csv --patient '^(p\\d+)_' --out results/

A folder holds slices (CT/ and MRI/ with equal names, or another layout that 'inspect' knows) or
volumes (NIfTI, DICOM). 'ctmri-detect COMMAND --help' tells more.
"""
FETCH = """
Credentials come from ~/.kaggle/kaggle.json, or from KAGGLE_USERNAME and KAGGLE_KEY. Without
them, download the archive in a browser and pass it with --from-archive.

examples:
  ctmri-detect fetch kaggle
  ctmri-detect fetch kaggle --out data/kaggle --from-archive ~/Downloads/archive.zip
"""
INSPECT = r"""
writes to --out:
  inspection.html       what the folder holds, its problems, sample pairs, histograms
  dataset_summary.json  the figures of the page
  files.csv             one row for each file

examples:
  ctmri-detect inspect pairs/ --patient '^(p\d+)_'
  ctmri-detect inspect volumes/ --sequence t2 --out inspection/
"""
FIT = r"""
examples:
  ctmri-detect fit pairs/ --patient '^(p\d+)_' --out model.ctmri
  ctmri-detect fit pairs/ --labels labels.csv --patient patient --detector atlas --out atlas.ctmri
  ctmri-detect fit kaggle/ --modality ct --image-size 256 --detector atlas --out ct.ctmri
  ctmri-detect fit scans/ --sequence t1,flair --patient '^(p\d+)_' --out three.ctmri

Pairs that the labels call anomalous are left out of training. Give --patient, unless folders such
as sub-01 name the patients: without it, blocks of neighbouring files are treated as patients, and
the threshold may be wrong. The model
remembers --modality, --sequence, --image-size, --below-skull-base and --patient, so 'ctmri-detect
score' needs only the folder.
"""
SCORE = """
writes to --out:
  scores.csv    all pairs, most anomalous first
  patients.csv  one row for each patient, where the patients are known
  overlays/     images and anomaly map of the top pairs
  skipped.csv   files that were not used, and why
  maps/         with --maps: the anomaly maps
  report.html   the 20 most anomalous patients, with their names (leave it out: --no-report)

Until all is written, scores are kept in the folder "unfinished" inside --out. A run that was
stopped goes on with --resume.

examples:
  ctmri-detect score model.ctmri new/ --out scores/ --top 20
  ctmri-detect score model.ctmri archive/ --out scores/ --n-jobs 4 --resume
  ctmri-detect score model.ctmri scans/ --out scores/ --maps nifti
"""
BENCHMARK = r"""
writes to --out: report.html, table.csv (metrics), scores.csv (every pair), and figures

examples:
  ctmri-detect benchmark pairs/ --labels labels.csv --patient '^(p\d+)_' --out results/
  ctmri-detect benchmark --phantom --subjects 12 --detectors atlas,cross-modal --out results/
  ctmri-detect benchmark --phantom --quick --seeds 3 --store store/ --out results/

With --store it also writes metrics.csv: all metrics of images, patients, pixels, regions and
lesions, with 95 % intervals. The store, table.csv, scores.csv, report.html and gallery.png hold
patients' names as the files or labels give them; with --pseudonyms they hold none.
"""
REPORT = """
Fits and scores nothing. Writes report.html, metrics.csv, table.csv, scores.csv and figures.

example:
  ctmri-detect report store/ --out results/
"""
DEMO = """
Makes synthetic heads, benchmarks one or two detectors of each family on them, and writes
report.html, table.csv, scores.csv and figures.

examples:
  ctmri-detect demo --quick
  ctmri-detect demo --out my-demo --seed 1
"""
