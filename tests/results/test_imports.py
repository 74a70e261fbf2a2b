"""Reading a run needs neither torch nor a trainer."""

import subprocess
import sys
from pathlib import Path

_CODE = """
import sys
from rich.console import Console
from pentimento.results import summary
from pentimento.results import write_report
write_report(sys.argv[1])
summary(sys.argv[1], Console(file=open("/dev/null", "w")))
heavy = {"torch", "transformers", "trl", "peft"} & set(sys.modules)
rooms = [name for name in sys.modules if name.startswith(("pentimento.training", "pentimento.evals"))]
print(sorted(heavy), rooms)
"""


def test_a_report_is_written_without_torch(usual_run: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(usual_run, folder)
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(folder)], capture_output=True, text=True, check=True
    )
    # The one record of a score, which evals write.
    assert done.stdout.strip() == "[] ['pentimento.evals', 'pentimento.evals.records']"
