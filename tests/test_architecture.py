"""The house: who may import whom, and what importing costs. The list is the one of docs/design.md."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgewise

SOURCE = Path(edgewise.__file__).parent

# Rooms in order; each may know the ones it names and everything those know.
KNOWS = {
    "errors": (),
    "lazy": (),
    "warn": (),
    "terminal": (),
    "splines": ("errors",),
    "kernels": ("splines", "terminal"),
    "layers": ("kernels",),
    "models": ("layers",),
    "optim": ("errors",),
    "train": ("models", "optim", "warn"),
    "preprocess": ("errors",),
    "datasets": ("errors", "lazy", "preprocess"),
    "interpret": ("models", "train", "preprocess", "lazy"),
    "curvature": ("layers", "optim"),
    "physics": ("models", "train"),
    "plot": ("models", "interpret", "curvature", "physics"),
    "pyhessian": ("curvature", "plot"),
    "explorer": ("models", "interpret"),
    "estimators": ("models", "train", "preprocess", "interpret", "explorer"),
    "export": ("models",),
    "bench": ("models", "train", "datasets"),
    "pykan": ("models", "train", "interpret", "plot", "datasets"),
    "scratch": (),
    "cli": (
        "models",
        "train",
        "interpret",
        "curvature",
        "plot",
        "explorer",
        "estimators",
        "preprocess",
        "datasets",
        "export",
        "bench",
    ),
}

# Methods such as `KAN.fit` are doors: an import inside a function of these files may look down the list.
DOORS = {"models/kan.py", "models/mlp.py", "physics/evolution.py", "physics/solution.py"}

# Imported only in these rooms at the top of a file; anywhere else only inside a function.
HEAVY = {
    "numba": ("kernels",),
    "triton": ("kernels",),
    "matplotlib": ("plot",),
    "sympy": ("interpret",),
    "sklearn": ("estimators",),
    "pandas": (),
    "scipy": ("interpret", "optim"),
    "tqdm": (),
    "onnx": (),
    "anywidget": ("explorer",),
    "optuna": (),
}


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def room(module: str) -> str:
    """`edgewise.models.kan` or `models/kan.py` to `models`."""
    return module.removeprefix("edgewise.").replace("/", ".").split(".")[0]


def allowed(of: str) -> set[str]:
    """The rooms `of` may import: those it knows, and what they know in turn."""
    return {of}.union(*({other} | allowed(other) for other in KNOWS[of]))


def imports(path: Path) -> list[tuple[str, str]]:
    """Every import of a file as `(module, where)`, `where` one of "top", "lazy", "typing"."""
    package = ["edgewise", *path.relative_to(SOURCE).parts[:-1]] if path.is_relative_to(SOURCE) else []
    found = []

    def visit(node: ast.AST, where: str) -> None:
        if isinstance(node, ast.Import):
            found.extend((alias.name, where) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            if module == "edgewise":  # `from edgewise import kernels` names a room or something public
                found.extend((f"edgewise.{alias.name}", where) for alias in node.names)
            else:  # the alias may itself be a module
                found.extend([(module, where), *((f"{module}.{alias.name}", where) for alias in node.names)])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                visit(child, "typing")
            for child in node.orelse:
                visit(child, where)
            return
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and where == "top":
            where = "lazy"
        for child in ast.iter_child_nodes(node):
            visit(child, where)

    visit(ast.parse(path.read_text(encoding="utf-8")), "top")
    return found


def ours(path: Path) -> list[tuple[str, str]]:
    """`(room, where)` of the imports from edgewise."""
    return [(room(m), where) for m, where in imports(path) if m.split(".")[0] == "edgewise"]


def test_every_file_stands_in_a_known_room():
    assert {room(name(path).removesuffix(".py")) for path in files()} <= {*KNOWS, "__init__", "__main__"}


@pytest.mark.parametrize("path", [p for p in files() if p.parent != SOURCE or p.stem in KNOWS], ids=name)
def test_imports_point_up_the_list(path):
    own = room(name(path).removesuffix(".py"))
    for other, where in ours(path):
        if where == "typing" or (where == "lazy" and name(path) in DOORS):
            continue  # a name in an annotation is no dependency; a door is looked at below
        if other in KNOWS:
            assert other in allowed(own), f"{name(path)} imports edgewise.{other}: {own} may only know {allowed(own)}"
        else:  # the public names of `edgewise` itself
            assert own in ("cli", "bench", "pykan"), f"{name(path)} imports `{other}` from the package's front door"


def test_the_list_itself_has_no_circle():
    order = list(KNOWS)
    for own, known in KNOWS.items():
        for other in known:
            assert order.index(other) < order.index(own), f"{own} stands above {other}, which it knows"


def test_files_do_not_import_each_other_in_a_circle():
    """Among all imports outside TYPE_CHECKING and the doors, also inside one room."""
    modules = {"edgewise." + name(p).removesuffix(".py").replace("/", "."): p for p in files()}
    modules = {m.removesuffix(".__init__"): p for m, p in modules.items()}
    graph = {}
    for module, path in modules.items():
        skip = "lazy" if name(path) in DOORS else None
        wanted = [m for m, where in imports(path) if where not in ("typing", skip)]
        # An import of the own package from one of its files is how Python loads any submodule.
        graph[module] = {m for m in wanted if m in modules and not module.startswith(m + ".")}

    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for other in graph[module]:
                walk(other, (*trail, module))
            done.add(module)

    for module in graph:
        walk(module, ())


@pytest.mark.parametrize("door", sorted(DOORS))
def test_doors_are_one_line(door):
    """A method that looks down the list imports, checks at most the result's type, and calls."""
    tree = ast.parse((SOURCE / door).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    doors = [f for f in functions if any(isinstance(n, ast.ImportFrom) for n in f.body)]
    assert doors, "no doors found: has the file moved?"
    for function in doors:
        body = [n for n in function.body if not isinstance(n, ast.ImportFrom | ast.Import)][1:]  # without docstring
        calls = [n for n in body if isinstance(n, ast.Return | ast.Expr)]
        assert len(calls) == 1, f"{door}: {function.name} does more than open a door"
        assert len(body) <= 3, f"{door}: {function.name} does more than open a door"


def test_heavy_dependencies_stay_in_their_rooms():
    for path in files():
        for module, where in imports(path):
            top = module.split(".")[0]
            if top in HEAVY and where == "top":
                assert room(name(path).removesuffix(".py")) in HEAVY[top], f"{name(path)} imports {top} at the top"


def test_no_star_imports():
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert all(alias.name != "*" for alias in node.names), name(path)


def test_the_oracles_know_nothing_of_the_library():
    for path in sorted((Path(__file__).parent / "oracles").glob("*.py")):
        assert "edgewise" not in {m.split(".")[0] for m, _ in imports(path)}, path.name


def test_import_loads_no_heavy_dependency():
    """In a new process: what edgewise and its networks add to `import torch` is us and little else."""
    script = (
        "import json, sys, torch, numpy; before = set(sys.modules); import edgewise; edgewise.KAN; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    added = json.loads(run.stdout)
    roots = {module.split(".")[0] for module in added}
    assert not roots & set(HEAVY), f"`import edgewise` loads {sorted(roots & set(HEAVY))}"
    foreign = [module for module in added if not module.startswith("edgewise")]
    # A few modules of the standard library and torch's functional transforms; room for some more, not for a package.
    assert len(foreign) < 40, foreign


def test_rooms_can_be_imported_in_any_order():
    """In a new process, last room first: nothing depends on who came before."""
    rooms = [r for r in KNOWS if (SOURCE / r / "__init__.py").exists() or (SOURCE / f"{r}.py").exists()]
    script = f"import importlib\nfor room in {rooms[::-1]!r}: importlib.import_module('edgewise.' + room)"
    run = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_fit_imports_no_compiler_of_torch():
    """`torch.optim.Optimizer` would, at the price of seconds."""
    script = (
        "import sys, torch, edgewise\n"
        "x = torch.rand(20, 1)\n"
        "for opt in ('lm', 'lbfgs'): edgewise.KAN([1, 1], seed=0).fit((x, x), opt=opt, steps=2, progress=False)\n"
        "print('torch._dynamo' in sys.modules, 'sympy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
