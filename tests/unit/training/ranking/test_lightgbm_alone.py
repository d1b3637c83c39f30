"""LightGBM is imported without the libraries of data frames that are installed."""

import subprocess
import sys

CODE = """
import sys, training.ranking.lightgbm_alone
print({"pandas", "pyarrow"} & set(sys.modules))
import pandas
"""


def test_lightgbm_imports_no_data_frames() -> None:
    """The trainer does not wait for pandas, which can still be imported afterwards."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
