"""Print what a build of fastnn in its checkout and the whole suite need, one a line."""

import tomllib
from pathlib import Path

known = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
project = known["project"]
extras = project["optional-dependencies"]
needed = [*known["build-system"]["requires"], *project["dependencies"], *extras["test"]]
print(*needed, *extras["onnx"], "onnxruntime", sep="\n")
