"""What users may rely on: the names, how they are called, and that nothing happens behind their back."""

import ast
import doctest
import importlib
import inspect
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import edgewise
from edgewise import errors

LAZY = ("datasets", "explorer", "interpret")
ROOT = Path(__file__).parent.parent
SOURCE = Path(edgewise.__file__).parent
ROOMS = sorted(p.name for p in SOURCE.iterdir() if (p / "__init__.py").exists())
MODULES = sorted(
    ".".join(("edgewise", *p.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    for p in SOURCE.rglob("*.py")
    if p.name != "__main__.py" and (find_spec("triton") or not p.name.startswith("gpu"))
)

# Fixed: examples, pages and other people's scripts call these with these names.
SIGNATURES = {
    "KAN": "width grid k mult_arity grid_range grid_eps base_fun outside init sp_trainable sb_trainable seed generator "
    "input_names output_names device dtype",
    "KANLayer": "in_features out_features grid k grid_range grid_eps base_fun outside init sp_trainable sb_trainable "
    "generator device dtype",
    "MLP": "width act seed generator device dtype",
    "create_dataset": "f n_var ranges train_num test_num seed generator dtype device noise",
    "fit": "model data y opt steps lr loss lamb lamb_l1 lamb_entropy batch_size sample_weight val patience min_delta "
    "time_limit_sec scheduler grad_clip update_grid grid_updates stop_grid_update metrics callbacks progress "
    "checkpoint checkpoint_every_sec resume seed",
}
METHODS = {
    "KAN": "fit plot save load refine update_grid activations config forward",
    "MLP": "fit save load config forward",
    "KANRegressor": "fit predict score save load get_params set_params",
    "KANClassifier": "fit predict predict_proba score save load get_params set_params",
}


@pytest.mark.parametrize("name", edgewise.__all__)
def test_every_public_name_can_be_had_and_is_documented(name):
    thing = getattr(edgewise, name)
    assert inspect.getdoc(thing)
    assert name in dir(edgewise)


@pytest.mark.parametrize("room", LAZY)
def test_rooms_list_what_they_load_later(room):
    module = importlib.import_module(f"edgewise.{room}")
    assert {*module.__all__, "__doc__"} <= set(dir(module))


def test_the_public_list_is_complete_and_ordered():
    wanted = {"KAN", "KANLayer", "MLP", "create_dataset", "fit", "FitResult", "KANRegressor", "KANClassifier"}
    assert wanted <= set(edgewise.__all__)
    assert len(set(edgewise.__all__)) == len(edgewise.__all__)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_list_what_they_offer(room):
    module = importlib.import_module(f"edgewise.{room}")
    assert module.__doc__
    assert getattr(edgewise, room) is module
    for name in module.__all__:
        thing = getattr(module, name)
        assert thing.__doc__ or not callable(thing), f"{room}.{name} has no docstring"


@pytest.mark.parametrize(("name", "arguments"), SIGNATURES.items())
def test_arguments_keep_their_names(name, arguments):
    present = list(inspect.signature(getattr(edgewise, name)).parameters)
    missing = [argument for argument in arguments.split() if argument not in present]
    assert not missing, f"{name}({', '.join(present)}) lost {missing}"


@pytest.mark.parametrize(("name", "methods"), METHODS.items())
def test_methods_keep_their_names(name, methods):
    assert not [m for m in methods.split() if not callable(getattr(getattr(edgewise, name), m, None))]


def test_every_documented_argument_exists_and_every_argument_is_documented():
    for name in SIGNATURES:
        thing = getattr(edgewise, name)
        section = re.search(r"\nArgs:\n((?:    .*\n|\n)+)", inspect.getdoc(thing) + "\n")
        documented = re.findall(r"^    (\w+):", section[1], flags=re.MULTILINE)
        assert documented == list(inspect.signature(thing).parameters), name


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'KNA'"):
        edgewise.KNA  # noqa: B018


@pytest.mark.parametrize("kind", [e for e in vars(errors).values() if inspect.isclass(e)], ids=lambda e: e.__name__)
def test_every_error_is_ours_and_a_builtin_kind(kind):
    assert issubclass(kind, errors.EdgewiseError)
    if kind is not errors.EdgewiseError:
        assert issubclass(kind, ValueError | RuntimeError | ImportError | OSError)


def test_the_version_is_the_same_everywhere():
    stated = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert edgewise.__version__ == stated
    assert f"version: {stated}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## [{stated}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_types_are_shipped():
    assert (SOURCE / "py.typed").exists()


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_are_true(module):
    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not found.failed


FORBIDDEN = re.compile(
    r"(torch\.)?(random\.)?manual_seed|torch\.seed|np\.random\.(seed|rand\w*|normal|uniform|choice|permutation|shuffle)"
    r"|torch\.set_(default_dtype|default_device|num_threads)"
    r"|torch\.load|pickle\.loads?|exec|eval|matplotlib\.use|plt\.\w+|os\.chdir|os\.environ\.\w+"
)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_no_global_state_is_touched(path):
    """No call that seeds, draws from or configures something shared, unpickles, or asserts about user input."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        place = f"{path.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert not FORBIDDEN.fullmatch(called), f"{place} calls {called}"
        if isinstance(node, ast.Import):
            assert "random" not in {alias.name for alias in node.names}, f"{place}: use a torch or numpy generator"
        assert not isinstance(node, ast.Assert), f"{place} asserts: raise an error that says what to do"
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), f"{place}: bare except"


@pytest.mark.parametrize(("room", "name"), [("datasets", "Problem"), ("interpret", "Formula"), (None, "KAN")])
def test_a_lazy_name_is_found_without_help_from_then_on(room, name):
    module = importlib.import_module("edgewise" if room is None else f"edgewise.{room}")
    value = getattr(module, name)
    assert vars(module)[name] is value
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018
