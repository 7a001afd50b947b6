"""The notebooks run from top to bottom on a small book, import rather than define, and are kept without outputs."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

from features.tables import Tables

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SOURCE = "CHURN_RISK_NOTEBOOK_SOURCE"
ALLOWED = {"features", "training", "serving", "numpy", "pandas", "matplotlib"} | set(sys.stdlib_module_names)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
#: A kernel that stays silent for so many seconds hangs.
HANGS = 900

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code(path: Path) -> ast.Module:
    """Return the code of all cells; magics and shell lines would be no Python."""
    return ast.parse("\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code"))


def test_there_are_four() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_book_and_signals",
        "02_economics",
        "03_review_of_a_model",
        "04_retraining",
    ]


@each_notebook
def test_kept_without_outputs(path: Path) -> None:
    kept = read(path)
    nbformat.validate(kept)
    cells = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in cells)
    assert {cell.execution_count for cell in cells} == {None}


@each_notebook
def test_tells_nothing_of_the_machine_it_was_written_on(path: Path) -> None:
    kept = read(path)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert kept.metadata == {"kernelspec": kernel, "language_info": {"name": "python"}}
    assert not any(cell.metadata or cell.get("attachments") for cell in kept.cells)
    text = "\n".join(cell.source for cell in kept.cells)
    assert not re.findall(r"(?<![\w:/.])/(?:home|root|tmp|usr|var|work|mnt|Users)\b|\b[A-Z]:\\|\.\./", text)


@each_notebook
def test_imports_and_defines_nothing(path: Path) -> None:
    found = list(ast.walk(code(path)))
    assert not [ast.unparse(node) for node in found if isinstance(node, DEFINITIONS)]
    imported = {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in found if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= ALLOWED
    assert any(name.startswith(("training.", "features.")) for name in imported)


@each_notebook
def test_opens_with_a_title_and_how_to_bring_a_book(path: Path) -> None:
    title, setup = read(path).cells[:2]
    assert title.cell_type == "markdown"
    assert title.source.startswith("# ")
    assert SOURCE in title.source
    assert setup.cell_type == "code"
    assert f'SOURCE = os.environ.get("{SOURCE}", "")' in setup.source


@each_notebook
def test_what_is_doubtful_is_said_before_anything_is_learnt(path: Path) -> None:
    """As `train` says it; the end of the data `prepare` demands by itself."""
    text = ast.unparse(code(path))
    first = text.index("prepare(tables")
    assert -1 < text.find("in (*tables.warnings, *cautions_before(tables, settings))") < first or (
        -1 < text.find("'; '.join(tables.warnings)") < text.find("in cautions_before(tables, settings)") < first
    )


#: Between two notebooks in one kernel: nothing that the first has named is there for the second.
FORGET = "%reset -f"


@dataclass(frozen=True)
class Ran:
    """Every notebook with its outputs, and what they left in the folders of their kernel."""

    notebooks: dict[str, NotebookNode]
    left: list[Path]


@pytest.fixture(scope="module")
def ran() -> Iterator[Ran]:
    """Execute all notebooks one after the other in one kernel, since a kernel costs seconds of imports.

    The folder's name is short: the sockets of the kernel stand in it.
    """
    with tempfile.TemporaryDirectory(prefix="nb") as folder:
        scratch = Path(folder)
        for name in ("working", "temporary"):
            (scratch / name).mkdir()
        notebooks = {path.stem: read(path) for path in NOTEBOOKS}
        whole = nbformat.v4.new_notebook()
        for notebook in notebooks.values():
            whole.cells += [*notebook.cells, nbformat.v4.new_code_cell(FORGET)]
        done = iter(run(whole, scratch).cells)
        for notebook in notebooks.values():
            notebook.cells = [next(done) for _ in notebook.cells]
            assert next(done).outputs == []
        left = [path for name in ("working", "temporary") for path in (scratch / name).iterdir()]
        yield Ran(notebooks, left + [path for path in [scratch / "home"] if path.exists()])


def run(notebook: NotebookNode, scratch: Path) -> NotebookNode:
    """Execute a notebook in a kernel of this interpreter, figures inline, and return it with its outputs."""
    write_kernel_spec(str(scratch / "kernels" / "python3"))
    kernel = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(scratch / "kernels")]),
        connection_file=str(scratch / "kernel.json"),
        transport="ipc",
        ip=str(scratch / "socket"),
    )
    inherited = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", SOURCE)}
    own = {
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(scratch / "temporary"),
        "IPYTHONDIR": str(scratch / "ipython"),
        "CHURN_RISK_HOME": str(scratch / "home"),
    }
    client = NotebookClient(notebook, km=kernel, timeout=HANGS, startup_timeout=HANGS)
    done: NotebookNode = client.execute(env=inherited | own, cwd=str(scratch / "working"), cleanup_kc=True)
    return done


def outputs(done: NotebookNode) -> list[NotebookNode]:
    return [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]


@each_notebook
def test_runs(path: Path, ran: Ran) -> None:
    shown = outputs(ran.notebooks[path.stem])
    assert [output.text for output in shown if output.output_type == "stream" and output.name == "stderr"] == []
    kinds = [kind for output in shown if "data" in output for kind in output.data]
    assert "image/png" in kinds
    assert "text/html" in kinds


def test_nothing_is_left_behind(ran: Ran) -> None:
    assert ran.left == []


def test_make_runs_them_on_an_own_book_that_holds_little_and_keeps_what_they_show(book: Tables, tmp_path: Path) -> None:
    """`make notebooks`, of which one notebook is enough here: run where it lies, written elsewhere with its figures."""
    root, own = Path(__file__).parents[2], tmp_path / "own"
    own.mkdir()
    for name in ("accounts", "invoices", "surveys"):
        book[name].execute().to_csv(own / f"{name}.csv", index=False)
    (tmp_path / ".venv").symlink_to(root / ".venv")
    shutil.copytree(root / "notebooks", tmp_path / "notebooks", ignore=lambda *_: [path.name for path in NOTEBOOKS[1:]])
    options = ["-o", "setup", "NOTEBOOKS=notebooks/01_book_and_signals.ipynb", "SOURCE=own"]
    command = ["make", "-f", str(root / "Makefile"), *options, "notebooks"]
    # As a user's: with the tests' own backend no figure is shown inline.
    environment = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", SOURCE)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    (written,) = (tmp_path / "build" / "notebooks").glob("*.ipynb")
    shown = outputs(read(written))
    assert "image/png" in [kind for output in shown if "data" in output for kind in output.data]
    assert (tmp_path / "notebooks" / written.name).read_text() == NOTEBOOKS[0].read_text(), "the source stays as it was"
    said = "".join(output.text for output in shown if output.output_type == "stream")
    assert "missing tables: actions, churns, contacts, contracts, loops, memberships, referrals, tickets" in said
    assert not [output for output in shown if output.output_type == "stream" and output.name == "stderr"]
