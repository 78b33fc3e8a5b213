"""The files of a project that a process reads, as an audit hook sees them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from lading import file_stamp

Watch = Callable[..., dict[str, str] | None]

START = """\
import os, sys
from pathlib import Path
from lading import Reads
project = Path(sys.argv[1])
reads = Reads(project, [project / name for name in sys.argv[2:]], project.parent / "log")
reads.spread()
sys.path.insert(0, str(project))
"""
END = "\nimport json\nprint(json.dumps(reads.stop()))\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("data/a.csv", "data/b.csv", "space/deep.py", "hidden/.cache/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("1\n")
    (folder / "helper.py").write_text("def lazily():\n    import later\n    import space.deep\n")
    (folder / "later.py").write_text("")
    return folder


@pytest.fixture
def watch(project: Path) -> Watch:
    """Run code in a process that records its reads. Returns the names in the project, each with its stamp."""

    def watch(code: str, *named: str, cwd: Path = project) -> dict[str, str] | None:
        (project.parent / "log").unlink(missing_ok=True)
        program = START + textwrap.dedent(code) + END
        done = subprocess.run(
            [sys.executable, "-c", program, project, *named],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        return found and {str(Path(path).relative_to(project)): stamp for path, stamp in found.items()}

    return watch


@pytest.mark.parametrize("times", [1, 2], ids=["from its source", "from its cache"])
def test_modules_at_any_depth_are_found(watch: Watch, times: int) -> None:
    for _ in range(times):
        found = watch("import helper\nhelper.lazily()")
    assert found is not None
    assert set(found) == {"helper.py", "later.py", "space/deep.py"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('data/a.csv').read()", {"data/a.csv"}),
        ("open(b'data/a.csv')", {"data/a.csv"}),
        ("os.open('data/a.csv', os.O_RDONLY)", {"data/a.csv"}),
        ("(project / 'data/../data/a.csv').read_text()", {"data/a.csv"}),
        ("open('data/a.csv', 'r+')", {"data/a.csv"}),
        ("import sqlite3; sqlite3.connect('data/a.csv')", {"data/a.csv"}),
        ("import sqlite3; sqlite3.connect('file:data/a.csv?mode=ro', uri=True)", {"data/a.csv"}),
        ("file = open('data/a.csv', 'a+'); file.seek(0); file.read()", {"data/a.csv"}),
        ("os.symlink(project / 'data', '../link'); open('../link/a.csv')", {"data/a.csv"}),
        ("os.symlink(project / 'data/a.csv', '../name'); open('../name')", {"data/a.csv"}),
        ("os.symlink(project / 'data', '../deep'); open('../deep/../later.py')", {"later.py"}),
        ("import ctypes\ntry: ctypes.CDLL(project / 'data/a.csv')\nexcept OSError: pass", {"data/a.csv"}),
        ("os.listdir(os.open('data', os.O_RDONLY))", {"data"}),
        ("list(os.fwalk('data'))", {"data"}),
        ("import glob; glob.glob('data/*.csv')", {"data"}),
        ("list((project / 'data').iterdir())", {"data"}),
        ("os.listdir('data')", {"data"}),
        ("os.listdir()", {"."}),
        ("open('data/a.csv'); os.remove('data/a.csv')", {"data/a.csv"}),
        ("list(os.walk('data'))", {"data"}),
        ("os.path.exists('data/a.csv')", set()),
        ("Path('/etc/passwd').read_text()", set()),
        ("open('hidden/.cache/x')", set()),
    ],
)
def test_opened_and_listed_files_are_found(watch: Watch, code: str, expected: set[str]) -> None:
    found = watch(code)
    assert found is not None
    assert set(found) == expected


@pytest.mark.parametrize(
    "code",
    [
        "Path('cache').write_text('1'); Path('cache').read_text()",
        "open('data/a.csv').read(); open('data/a.csv', 'w')",
        "open('data/a.csv', 'r+').write('22222')",
        "open('new', 'w').close(); os.replace('new', 'data/a.csv'); open('data/a.csv')",
        "import tempfile; file = tempfile.NamedTemporaryFile(dir='.'); open(file.name)",
        "import sqlite3; sqlite3.connect('new.db').execute('CREATE TABLE t (x)'); open('new.db')",
        "import subprocess; subprocess.run([sys.executable, '-c', 'open(\"new\", \"w\")']); open('new')",
    ],
)
def test_a_file_that_the_process_wrote_is_left_out(watch: Watch, code: str) -> None:
    assert watch(code) == {}


def test_files_that_the_manifest_names_are_left_out(watch: Watch) -> None:
    code = "import helper, glob\nglob.glob('data/*')\nopen('data/a.csv')\nopen('later.py')"
    assert set(watch(code, "data", "helper.py") or {}) == {"later.py"}


def test_a_file_that_did_not_exist_is_found(watch: Watch) -> None:
    code = "try: open('settings.json')\nexcept OSError: pass"
    assert watch(code) == {"settings.json": ""}


def test_a_file_keeps_the_stamp_of_its_first_read(watch: Watch, project: Path) -> None:
    file = project / "data/a.csv"
    before = file_stamp(file)
    code = "import shutil\nopen('data/a.csv').close()\nos.system('echo 2 >> data/a.csv')\nopen('data/a.csv').close()"
    assert watch(code) == {"data/a.csv": before}
    assert file_stamp(file) != before


def test_files_that_the_process_creates_do_not_change_a_listing(watch: Watch, project: Path) -> None:
    code = "os.listdir('data')\nopen('data/c.csv', 'w')\nos.remove('data/b.csv')"
    assert watch(code) == {"data": file_stamp(project / "data")}


def test_files_of_others_change_a_listing(watch: Watch, project: Path) -> None:
    code = "os.listdir('data')\nos.system('touch data/c.csv')"
    assert watch(code) != {"data": file_stamp(project / "data")}


def test_a_record_that_cannot_be_written_makes_the_reads_unknown(watch: Watch) -> None:
    assert watch("(project.parent / 'log').symlink_to('nowhere/log')\nopen('data/a.csv')") is None


def test_a_process_that_closes_every_descriptor_loses_no_record(watch: Watch, project: Path) -> None:
    code = "os.closerange(3, 64)\nkept = open('kept', 'w+')\nopen('data/a.csv').close()\nkept.flush()"
    assert set(watch(code) or {}) == {"data/a.csv"}
    assert (project / "kept").read_text() == ""


@pytest.mark.parametrize(
    "code",
    [
        "import os\nif os.fork() == 0:\n    open('data/a.csv')\n    os._exit(0)\nos.wait()",
        "import subprocess\nsubprocess.run([sys.executable, '-c', 'open(\"data/a.csv\")'], check=True)",
        """
        from joblib import Parallel, delayed
        import helper
        Parallel(n_jobs=2)(delayed(open_it)(name) for name in ("data/a.csv", "data/a.csv"))
        """,
    ],
    ids=["fork", "another Python", "joblib"],
)
def test_reads_of_a_worker_are_found(watch: Watch, project: Path, code: str) -> None:
    (project / "work.py").write_text("def open_it(name):\n    open(name).close()\n")
    code = textwrap.dedent(code).replace("import helper", "from work import open_it")
    assert {"data/a.csv"} <= set(watch(code) or {})


def test_another_sitecustomize_still_runs(watch: Watch, project: Path) -> None:
    (project / "sitecustomize.py").write_text("open('data/b.csv')\n")
    code = """
    import subprocess
    os.environ["PYTHONPATH"] += f":{project}"
    subprocess.run([sys.executable, "-c", "open('data/a.csv')"], check=True)
    """
    assert {"data/a.csv", "data/b.csv", "sitecustomize.py"} <= set(watch(code) or {})


def test_links_into_and_out_of_the_project_are_followed(watch: Watch, project: Path, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("1")
    (project / "near.csv").symlink_to(tmp_path / "far.csv")
    (tmp_path / "alias").symlink_to(project)
    code = "open('near.csv'); open(project.parent / 'alias/data/a.csv')"
    assert set(watch(code) or {}) == {"near.csv", "data/a.csv"}


def test_too_many_files_to_compare_are_unknown(watch: Watch) -> None:
    code = "for number in range({}):\n    try: open(str(number))\n    except OSError: pass"
    assert len(watch(code.format(1000)) or {}) == 1000
    assert watch(code.format(1001)) is None


@pytest.mark.parametrize(
    "code", ["open(-1)", "open('\\0')", "os.listdir(0)", "open('x' * 5000)", "os.scandir('nowhere')"]
)
def test_the_hook_raises_nothing_by_itself(watch: Watch, code: str) -> None:
    code = f"try: {code}\nexcept (OSError, ValueError) as error: assert 'lading' not in repr(error.__traceback__)"
    assert watch(code) is not None
