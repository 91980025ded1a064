"""Folder from which this project's packages are imported, for processes that start anew.

Python and Ray put the current folder in front of the import path of new processes. There a file of
the user, such as jobs.py, would hide a package of this project.
"""

from __future__ import annotations

import os
from pathlib import Path

IMPORT_ROOT = Path(__file__).resolve().parents[1]
"""The checkout, or the folder of installed packages."""


def import_environment() -> dict[str, str]:
    """Return variables with which a new Python imports the packages of this process.

    It leaves the current folder out, and looks into a checkout first.
    """
    variables = {"PYTHONSAFEPATH": "1"}
    if "site-packages" not in IMPORT_ROOT.parts:  # installed packages are looked at anyway, last
        paths = [str(IMPORT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        variables["PYTHONPATH"] = os.pathsep.join(paths)
    return variables
