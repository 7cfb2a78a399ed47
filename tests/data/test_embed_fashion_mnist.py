import subprocess
import sys
import zipfile
import zlib
from importlib import resources
from pathlib import Path

import pytest

from smoothlab.data import fashion

SCRIPT = Path(__file__).parents[2] / "scripts" / "embed_fashion_mnist.py"
EMBEDDED = resources.files("smoothlab.data").joinpath(fashion.EMBEDDED)


@pytest.mark.skipif(
    not fashion.DEBIAN_FOLDER.is_dir(),
    reason=f"Fashion-MNIST is not at {fashion.DEBIAN_FOLDER}: install dataset-fashion-mnist",
)
@pytest.mark.skipif(
    "zlib-ng" in zlib.ZLIB_RUNTIME_VERSION, reason="zlib-ng deflates into other bytes than zlib"
)
def test_the_script_rebuilds_the_embedded_file_byte_for_byte(tmp_path):
    rebuilt = tmp_path / "rebuilt.npz"
    subprocess.run([sys.executable, SCRIPT, fashion.DEBIAN_FOLDER, "--output", rebuilt], check=True)
    assert rebuilt.read_bytes() == EMBEDDED.read_bytes()


def test_the_embedded_file_tells_nothing_of_the_day_or_the_machine():
    with EMBEDDED.open("rb") as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {member.create_system for member in members} == {3}
