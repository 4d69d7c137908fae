"""What Keras Doctor keeps for a project, in the folder `.kerasdoctor` beside its notebooks."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

FOLDER = ".kerasdoctor"


def folder() -> Path:
    """The project's folder, in the working directory of the kernel; it need not exist."""
    return Path.cwd() / FOLDER


def ignored() -> dict[str, str]:
    """Diagnoses that this project does not want -> reason. A file that cannot be read counts as empty, and says so."""
    path = folder() / "ignored.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(reason) for name, reason in data.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        sys.stderr.write(f"Keras Doctor ignores nothing: {path} cannot be read ({error})\n")
        return {}


def ignore(name: str, reason: str) -> Path:
    """Silence the diagnosis `name` in this project; returns the file that says so.

    Raises:
        OSError: when the folder cannot be written.
    """
    place = folder()
    place.mkdir(exist_ok=True)
    path = place / "ignored.json"
    content = json.dumps({**ignored(), name: reason}, indent=2, ensure_ascii=False) + "\n"
    # a reader, or a second kernel, sees the old file or the new one and nothing between
    with tempfile.NamedTemporaryFile("w", dir=place, suffix=".tmp", delete=False, encoding="utf-8") as file:
        file.write(content)
    Path(file.name).replace(path)
    return path
