"""The secret file: one per data folder, created by the first process."""

import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from recsvc.config import Settings
from recsvc.domain.errors import BadRequest
from recsvc.secret_file import open_secret

PRINT_FINGERPRINT = """
import sys
from pathlib import Path
from recsvc.config import Settings
from recsvc.secret_file import open_secret
print(open_secret(Settings(data_dir=Path(sys.argv[1]))).fingerprint())
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def test_the_first_use_creates_a_file_for_the_owner_alone(settings: Settings) -> None:
    """The first use creates the secret file with mode 0600 and no other file."""
    open_secret(settings)

    [path] = settings.data_dir.iterdir()
    assert path.name == "secret"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_secret_stays_the_same(settings: Settings) -> None:
    """The secret of a folder is the same on each use."""
    assert open_secret(settings).fingerprint() == open_secret(settings).fingerprint()


def test_every_folder_has_its_own_secret(tmp_path: Path) -> None:
    """Two data folders have different secrets."""
    one, other = (open_secret(Settings(data_dir=tmp_path / name)) for name in "ab")

    assert one.fingerprint() != other.fingerprint()


def test_the_environments_secret_needs_no_file(tmp_path: Path) -> None:
    """A secret from the environment takes precedence, and no file is written."""
    given = open_secret(Settings(data_dir=tmp_path, secret="s" * 32))
    again = open_secret(Settings(data_dir=tmp_path / "elsewhere", secret="s" * 32))

    assert given.fingerprint() == again.fingerprint()
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_at_once_agree(settings: Settings) -> None:
    """Processes that start at once all read the same complete secret."""
    command = [sys.executable, "-c", PRINT_FINGERPRINT, str(settings.data_dir)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    fingerprints = {process.communicate()[0] for process in processes}

    assert {open_secret(settings).fingerprint().encode()} == {each.strip() for each in fingerprints}


def test_an_empty_file_is_refused(settings: Settings) -> None:
    """An empty secret file raises `secret_too_short`."""
    settings.data_dir.mkdir()
    (settings.data_dir / "secret").touch(0o600)
    with pytest.raises(BadRequest) as caught:
        open_secret(settings)

    assert caught.value.code == "secret_too_short"


def test_a_file_that_others_may_read_is_reported(settings: Settings) -> None:
    """A secret file that is readable by others works, and is logged."""
    open_secret(settings)
    (settings.data_dir / "secret").chmod(0o644)
    with capture_logs() as logs:
        open_secret(settings)

    assert [entry["event"] for entry in logs] == ["secret_readable_by_others"]
