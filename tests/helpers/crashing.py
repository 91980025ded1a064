"""A file that aborts every process that reads it, as a fault in a native decoder would."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.paths import ROOT

_SITE = '''
"""Python imports this module in every process of the job."""

import importlib.abc
import importlib.util
import os
import sys

NAME = "emotion.extract.extractor"


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            observe = module.Extractor.observations

            def observations(self, source, **options):
                for number, one in enumerate(observe(self, source, **options)):
                    if number == AFTER and str(source).endswith(ENDING):
                        os.abort()
                    yield one

            module.Extractor.observations = observations

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
'''


def crash_environment(folder: Path, ending: str, *, after: int = 3) -> dict[str, str]:
    """Return variables for a job in which reading a file aborts the process.

    Args:
        folder: an empty folder for the module that does it.
        ending: end of the path of the file.
        after: number of its samples that are read before.
    """
    text = f"AFTER, ENDING = {after}, {ending!r}\n{_SITE}"
    (folder / "sitecustomize.py").write_text(text)
    return {"PYTHONPATH": f"{folder}:{ROOT}"}
