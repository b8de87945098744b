"""Direction of knowledge: who includes whom, who imports whom, and who may do what.

Read from the sources, so that a shortcut across the house is found on the day it is built. Each
test collects all violations and shows them. Over 400 lines: the rules of C and those of Python.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

import pytest
from folders import ROOT

import fastnn
from fastnn import names, optim

CSRC, PACKAGE = ROOT / "csrc", ROOT / "fastnn"

pytestmark = pytest.mark.skipif(
    not CSRC.is_dir() or not PACKAGE.is_dir(), reason="needs the sources, and runs without them"
)

# --- C ------------------------------------------------------------------------------------------


def without_comments(text: str) -> str:
    """C source with comments blanked out and lines kept in place; strings are kept."""

    def blank(match: re.Match[str]) -> str:
        found = match.group()
        return found if found[0] in "\"'" else re.sub(r"[^\n]", " ", found)

    pattern = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/'
    return re.sub(pattern, blank, text, flags=re.DOTALL)


def c_sources(*patterns: str) -> dict[str, str]:
    found = {
        path.relative_to(CSRC).as_posix(): path
        for pattern in patterns
        for path in sorted(CSRC.glob(pattern))
        if path.suffix in (".c", ".h")
    }
    assert found, f"no file of csrc is like {patterns}"
    return {name: without_comments(path.read_text("utf-8")) for name, path in found.items()}


def lines_with(pattern: str, sources: dict[str, str]) -> list[str]:
    return [
        f"csrc/{name}:{number}: {line.strip()}"
        for name, text in sources.items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


def includes() -> dict[str, set[str]]:
    """The headers of each file's #include lines, ours and the system's."""
    return {
        name: set(re.findall(r'#\s*include\s*[<"]([^>"]+)[>"]', text))
        for name, text in c_sources("**/*.[ch]").items()
    }


def reached(name: str) -> dict[str, list[str]]:
    """Every header that a file includes, by itself or through others, and the way there."""
    direct, ways, todo = includes(), {name: [name]}, [name]
    while todo:
        here = todo.pop()
        for header in sorted(direct.get(here, ())):
            if header not in ways:
                ways[header] = [*ways[here], header]
                todo.append(header)
    del ways[name]
    return ways


def show(violations: list[str]) -> str:
    return "\n" + "\n".join(violations)


# Folder: the folders that its files may include, by themselves or through others; "" is csrc/
# itself, of which all but the system's tools may include fnn.h and real.h.
MAY_INCLUDE = {
    "": {"net", "kernels", "isa", "system"},
    "net": {"kernels", "isa", "system"},
    "isa": {"kernels", "simd"},
    "kernels": {"simd"},
    "simd": set(),
    "system": set(),
    "wasm": {"kernels", "isa", "system"},  # the exports for a browser, beside the house
}


def folder_of(name: str) -> str:
    return name.rpartition("/")[0]


def test_every_folder_of_the_core_has_its_rule() -> None:
    folders = {folder_of(name) for name in c_sources("**/*.[ch]")}
    assert folders == MAY_INCLUDE.keys()


@pytest.mark.parametrize("folder", MAY_INCLUDE)
def test_a_folder_of_the_core_includes_those_below_it_alone(folder: str) -> None:
    """Kernels know no network, the network no intrinsics, tools of the system neither."""
    violations = []
    for name in c_sources(f"{folder}/*.[ch]" if folder else "*.[ch]"):
        for header, way in reached(name).items():
            if not (CSRC / header).is_file():
                continue  # the system's
            other = folder_of(header)
            allowed = MAY_INCLUDE[folder] | {folder}
            if other not in allowed and header not in ("fnn.h", "real.h"):
                violations.append("csrc: " + " -> ".join(way))
            if other == "" and folder == "system":
                violations.append("csrc: " + " -> ".join(way))
    assert not violations, show(violations)


def test_only_simd_and_the_processor_s_modes_know_intrinsics() -> None:
    sources = {
        name: text
        for name, text in c_sources("**/*.[ch]").items()
        if folder_of(name) != "simd" and not name.endswith("fpmode.h")
    }
    violations = lines_with(
        r"\b_mm\d*_(?!pause)|\b__m\d+|\bwasm_[a-z]\d+x\d+_|\bv(ld|st)1q?_|\bfloat(32x4|64x2)_t",
        sources,
    )
    assert not violations, show(violations)


def test_the_interface_includes_nothing_of_ours() -> None:
    assert reached("fnn.h").keys() <= {"stddef.h", "stdint.h"}


def test_nothing_below_the_extension_knows_python() -> None:
    violations = lines_with(
        r"#\s*include\s*[<\"](Python|numpy/)|\bPy[A-Z]\w+", c_sources("**/*.[ch]")
    )
    assert not violations, show(violations)


@pytest.mark.parametrize(
    ("what", "pattern", "where"),
    [
        ("allocates", r"\b(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|alloca)\s*\(",
         {"system/arena.c"}),
        ("makes threads", r"\b(pthread_create|CreateThread|_beginthreadex|thrd_create)\s*\(",
         {"system/parallel.c"}),
        ("knows threads of the system", r"#\s*include\s*<(pthread|threads|windows|sched|omp)\.h>",
         {"system/parallel.c"}),
        ("reads the environment", r"\b(getenv|secure_getenv|_wgetenv|setenv)\b", set()),
        ("prints", r"\b(printf|fprintf|puts|fputs|putchar|perror)\s*\(|\b(stdout|stderr)\b", set()),
        ("ends the process", r"\b(abort|exit|_Exit|quick_exit|assert|longjmp|raise)\s*\(", set()),
        ("has state of its own", r"\b(rand|srand|strtok|signal|setlocale)\s*\(", set()),
        ("asks for loose arithmetic", r"ffast-math|STDC\s+FP_CONTRACT\s+ON|GCC optimize", set()),
    ],
)  # fmt: skip
def test_only_one_place_in_c(what: str, pattern: str, where: set[str]) -> None:
    found = lines_with(pattern, c_sources("**/*.[ch]"))
    violations = [line for line in found if line.split(":")[0].removeprefix("csrc/") not in where]
    assert not violations, f"more than {where or 'nobody'} {what}:" + show(violations)


def test_the_declarations_for_cython_mirror_the_header() -> None:
    header = without_comments((CSRC / "fnn.h").read_text("utf-8"))
    mirror = (PACKAGE / "_fnn.pxd").read_text("utf-8")
    name = r"\b(?:FNN_[A-Z0-9_]+|fnn_[a-z0-9_]+)\b"
    in_header = {n for n in re.findall(name, header) if not n.startswith("FNN_N_")} - {"FNN_H"}
    in_header -= {"FNN_CODE", "FNN_ONE", "FNN_ACTIVATIONS", "FNN_LOSSES", "FNN_OPTIMISERS"}
    in_mirror = set(re.findall(name, re.sub(r"#.*", "", mirror)))
    assert in_mirror == in_header


@pytest.mark.parametrize(
    ("codes", "named"),
    [
        ("FNN_ACTIVATIONS", names.ACTIVATIONS),
        ("FNN_LOSSES", (*names.LOSSES, "linear")),  # of output gradients, in place of a loss
        ("fnn_metric", ("no_metric", "argmax", "threshold")),
    ],
)
def test_names_stand_in_the_order_of_the_codes(codes: str, named: tuple[str, ...]) -> None:
    assert codes_in_the_header(codes) == list(named)


def codes_in_the_header(name: str) -> list[str]:
    """Return the codes of a list of fnn.h, or of an enum there, in lower case."""
    header = without_comments((CSRC / "fnn.h").read_text("utf-8")).replace("\\\n", " ")
    for body in re.findall(r"typedef enum \{([^}]*)\} " + name + ";", header):
        entries = [entry.split("=")[0].strip() for entry in body.split(",")]
        return [entry.removeprefix("FNN_").lower() for entry in entries]
    (body,) = re.findall(r"#define " + name + r"\(X\)(.*)", header)
    return [code.lower() for code in re.findall(r"X\((\w+)", body)]


def test_the_code_of_an_optimiser_is_its_own_or_that_of_its_base() -> None:
    kinds = [value for value in vars(optim).values() if isinstance(value, type)]
    kinds = [kind for kind in kinds if issubclass(kind, optim.Optimizer) and "kind" in vars(kind)]
    assert [kind.kind for kind in kinds] == [*range(len(codes_in_the_header("FNN_OPTIMISERS")))]
    assert [kind.__name__.lower() for kind in kinds] == codes_in_the_header("FNN_OPTIMISERS")


# --- Python -------------------------------------------------------------------------------------

# What a function may import when it runs: a history draws itself, a network writes itself, the
# model of a table explains itself.
LATE: dict[str, set[str]] = {
    "history": {"plot", "paths"},
    "mlp": {"model_file"},
    "ensemble": {"model_file"},
    "tabular": {"explain"},
    "_config": {"__init__"},
}


@cache
def drawing() -> tuple[list[str], dict[str, set[str]]]:
    """Return the house as CONTRIBUTING.md draws it.

    First the spine, from the top: a module or folder there imports none that stands before it.
    Then the leaves, each with all that it imports of ours: "a, b → c, d;  e → nothing".
    """
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (section,) = re.findall(r"^## The house$(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    spine, *rows = re.findall(r"^    +(\S.*)$", section, re.MULTILINE)
    leaves = {}
    for entry in " ".join(rows).split(";"):
        names, _, imported = entry.partition("→")
        for name in names.split(","):
            leaves[name.strip()] = {other.strip() for other in imported.split(",")} - {"nothing"}
    return [name.strip() for name in spine.split("→")], leaves


def spine_of_python() -> list[str]:
    spine, _ = drawing()
    return [*spine[: spine.index("_fastnn.pyx")], "_fastnn"]


class Module:
    """A Python source of the package, parsed once for all tests."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text("utf-8"), str(path))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return [*ast.walk(self.tree)]

    @cached_property
    def imports(self) -> list[tuple[ast.stmt, bool]]:
        return [*imports(self.tree)]


Modules = dict[str, Module]


@pytest.fixture(scope="module")
def modules() -> Modules:
    """Every Python source of the package, by its dotted name within it."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): Module(path)
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def test_a_module_lists_its_public_names_or_says_that_it_is_private(modules: Modules) -> None:
    """A room says it for all that is in it; a leading underscore says it, too."""
    violations = []
    for module, source in modules.items():
        room, *rest = module.split(".")
        if rest not in ([], ["__init__"]) or room.startswith("_"):
            continue
        assigned = [node for node in source.tree.body if isinstance(node, ast.Assign)]
        listed = any(ast.unparse(node.targets[0]) == "__all__" for node in assigned)
        text = ast.get_docstring(source.tree) or ""
        private = text.endswith("Private: it may change without notice.")
        if (listed, private) != (room in fastnn.__all__, room not in fastnn.__all__):
            violations.append(f"fastnn.{module}: lists names: {listed}, says private: {private}")
    assert not violations, show(violations)


def test_the_package_shows_no_private_module() -> None:
    shown = {name for name in dir(fastnn) if not name.startswith("__")}
    assert shown == {*fastnn.__all__, "MLPClassifier", "MLPRegressor", "from_sklearn"}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(tree: ast.AST, late: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Import statements that run, and whether only when a function does."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, late
        elif is_type_checking(node):
            for other in node.orelse:  # type: ignore[attr-defined]
                yield from imports(other, late)
        else:
            yield from imports(
                node, late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            )


def imported(module: str, node: ast.stmt) -> Iterator[str]:
    """Dotted names of what one statement imports; ours begin with `fastnn.`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:  # level 1 is the package that the module is in
            package = ["fastnn", *module.split(".")][: -node.level]
            base = ".".join([*package, base] if base else package)
        if base == "fastnn":
            yield from (f"fastnn.{alias.name}" for alias in node.names)
        else:
            yield base


def ours(module: str, source: Module) -> Iterator[tuple[str, bool, str]]:
    """Yield (room, late, place) for each import of fastnn: room is the first part of the name."""
    rooms = {path.stem for path in PACKAGE.iterdir()} | {"_fastnn"}
    for node, late in source.imports:
        for name in imported(module, node):
            if name.split(".")[0] == "fastnn":
                room = [*name.split("."), "__init__"][1]
                room = room if room in rooms else "__init__"
                yield room, late, f"fastnn/{module.replace('.', '/')}.py:{node.lineno}: {room}"


def test_every_module_and_folder_is_drawn_in_the_house(modules: Modules) -> None:
    spine, leaves = drawing()
    rooms = {module.split(".")[0] for module in modules} - {"__init__", "__main__"}
    assert rooms == ({*spine_of_python()} | leaves.keys()) - {"_fastnn"}
    assert len(rooms) == len(spine_of_python()) - 1 + len(leaves), "drawn twice"
    assert spine[spine.index("_fastnn.pyx") + 1] == "csrc/fnn.h"
    folders = spine[spine.index("csrc/fnn.h") + 1 :]
    assert {*folders} == MAY_INCLUDE.keys() - {"", "system", "wasm"}
    for above, *below in (folders[i:] for i in range(len(folders))):
        assert MAY_INCLUDE[above] <= {*below, "system"}, above


def test_a_leaf_imports_of_ours_what_is_drawn_and_no_more(modules: Modules) -> None:
    _, leaves = drawing()
    found: dict[str, set[str]] = {leaf: set() for leaf in leaves}
    violations = []
    for module, source in modules.items():
        room = module.split(".")[0]
        for other, late, place in ours(module, source) if room in leaves else ():
            if late and other not in leaves[room] | LATE.get(room, set()):
                violations.append(place)
            elif not late and other != room:
                found[room].add(other)
    assert not violations, show(violations)
    assert found == leaves


def test_no_module_imports_one_above_it(modules: Modules) -> None:
    spine, violations = spine_of_python(), []
    for module, source in modules.items():
        room = module.split(".")[0]
        if room in spine:
            above = spine[: spine.index(room)]
            violations += [
                place
                for other, late, place in ours(module, source)
                if other in above and not (late and other in LATE.get(room, ()))
            ]
    assert not violations, show(violations)


def test_nothing_imports_the_command_line(modules: Modules) -> None:
    violations = [
        place
        for module, source in modules.items()
        if module.split(".")[0] not in {"cli", "__main__"}
        for room, _, place in ours(module, source)
        if room == "cli"
    ]
    assert not violations, show(violations)


def test_imports_of_ours_go_round_in_no_circle(modules: Modules) -> None:
    edges: dict[str, set[str]] = {}
    for module, source in modules.items():
        room = module.split(".")[0]
        early = {other for other, late, _ in ours(module, source) if not late}
        edges.setdefault(room, set()).update(early - {room})
    edges.pop("__init__", None)  # it imports all; that nobody asks it for more is what matters
    done: set[str] = set()

    def walk(room: str, way: list[str]) -> list[str]:
        if room in way:
            return [*way[way.index(room) :], room]
        if room in done:
            return []
        circle = next((c for o in sorted(edges.get(room, ())) if (c := walk(o, [*way, room]))), [])
        done.add(room)
        return circle

    circles = [" -> ".join(circle) for room in sorted(edges) if (circle := walk(room, []))]
    assert not circles, show(circles)


def test_only_these_modules_read_the_environment(modules: Modules) -> None:
    # The library's settings, and the folder for data.
    allowed = {"_config", "datasets.published"}
    violations = []
    for module, source in modules.items():
        for node in source.nodes:
            named = isinstance(node, ast.Attribute) and node.attr in {"environ", "environb"}
            called = isinstance(node, ast.Attribute) and node.attr in {"getenv", "getenvb"}
            brought = (
                isinstance(node, ast.ImportFrom)
                and node.module == "os"
                and any(alias.name in {"environ", "environb", "getenv"} for alias in node.names)
            )
            if (named or called or brought) and module not in allowed:
                violations.append(f"fastnn/{module}.py:{node.lineno}: {ast.unparse(node)}")
    assert not violations, show(violations)


def test_no_module_loads_pickles(modules: Modules) -> None:
    banned = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    violations = []
    for module, source in modules.items():
        for node, _ in source.imports:
            found = [name for name in imported(module, node) if name.split(".")[0] in banned]
            violations += [f"fastnn/{module}.py:{node.lineno}: {name}" for name in found]
        for node in source.nodes:
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                constant = isinstance(node.value, ast.Constant) and node.value.value is False
                if not constant:
                    violations.append(f"fastnn/{module}.py:{node.value.lineno}: allow_pickle")
    assert not violations, show(violations)


@pytest.mark.parametrize(
    ("library", "room"), [("sklearn", "estimators"), ("onnx", "export"), ("torch", "export")]
)
def test_only_one_room_is_built_on_what_an_extra_brings(
    modules: Modules, library: str, room: str
) -> None:
    violations = []
    for module, source in modules.items():
        if module.split(".")[0] == room:
            continue
        for node, _ in source.imports:
            found = [name for name in imported(module, node) if name.split(".")[0] == library]
            violations += [f"fastnn/{module}.py:{node.lineno}: {name}" for name in found]
    assert not violations, show(violations)


HEAVY = ["rich", "scipy", "sklearn", "matplotlib", "PIL", "pandas", "safetensors", "onnx", "torch"]


def test_importing_the_package_imports_none_of_the_heavy_ones() -> None:
    code = f"import sys, fastnn; print(*[m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def messages(source: Module) -> Iterator[ast.AST]:
    """Yield what is raised or warned, and what is assigned to names that stand in it."""
    functions = [[*ast.walk(n)] for n in source.nodes if isinstance(n, ast.FunctionDef)]
    for nodes in [source.nodes, *functions]:
        found: list[ast.AST] = []
        for node in nodes:
            if isinstance(node, ast.Raise) and node.exc is not None:
                found.append(node.exc)
            elif isinstance(node, ast.Call):
                called = getattr(node.func, "attr", None) or ast.unparse(node.func)
                if called == "warn" or called.endswith(("Error", "Warning")):
                    found.append(node)
        yield from found
        said = {n.id for part in found for n in ast.walk(part) if isinstance(n, ast.Name)}
        if nodes is not source.nodes:
            for node in nodes:
                if isinstance(node, ast.Assign | ast.AugAssign):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    if any(isinstance(t, ast.Name) and t.id in said for t in targets):
                        yield node.value


def test_messages_are_ascii(modules: Modules) -> None:
    """Every console can print them, and they can be copied into code."""
    violations = {
        f"fastnn/{module.replace('.', '/')}.py:{node.lineno}: {node.value!r}"
        for module, source in modules.items()
        for part in messages(source)
        for node in ast.walk(part)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if not node.value.isascii()
    }
    for path in sorted([*PACKAGE.glob("*.pyx"), *PACKAGE.glob("*.pxi")]):
        text = path.read_text("utf-8")
        for found in re.finditer(r"\braise \w+\((?:[^()]|\([^()]*\))*\)", text):
            if not found.group().isascii():
                line = text.count("\n", 0, found.start()) + 1
                violations.add(f"fastnn/{path.name}:{line}: {found.group()}")
    assert not violations, show(sorted(violations))


def test_pictures_read_public_attributes_of_views_alone(modules: Modules) -> None:
    violations = [
        f"fastnn/{module.replace('.', '/')}.py:{node.lineno}: {ast.unparse(node)}"
        for module, source in modules.items()
        if module.split(".")[0] == "plot"
        for node in source.nodes
        if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr)
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    ]
    assert not violations, show(violations)


def test_imports_of_ours_are_relative(modules: Modules) -> None:
    violations = [
        f"fastnn/{module.replace('.', '/')}.py:{node.lineno}: {ast.unparse(node)}"
        for module, source in modules.items()
        if module.split(".")[0] != "__main__"
        for node in source.nodes
        if isinstance(node, ast.ImportFrom) and node.level == 0
        if (node.module or "").split(".")[0] == "fastnn"
    ]
    assert not violations, show(violations)
