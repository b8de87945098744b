"""Compare the shares in the reports of .ci/coverage with what is promised: covered.py FOLDER."""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])
python = json.loads((folder / "python.json").read_text("utf-8"))["totals"]
core = json.loads((folder / "core-summary.json").read_text("utf-8"))
shares = {
    "fastnn/ lines": python["covered_lines"] / python["num_statements"],
    "fastnn/ branches": python["covered_branches"] / python["num_branches"],
    "csrc/ lines": core["line_covered"] / core["line_total"],
    "csrc/ branches": core["branch_covered"] / core["branch_total"],
}
for what, share in shares.items():
    print(f"{what:17} {share:7.2%}")
low = [what for what, share in shares.items() if share < (0.95 if "lines" in what else 0.9)]
sys.exit(f"too few: {', '.join(low)}" if low else 0)
