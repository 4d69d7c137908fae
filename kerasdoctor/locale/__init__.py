"""The language of everything shown: messages are marked with `_` and looked up in a gettext catalogue."""

from __future__ import annotations

import functools
import gettext
from pathlib import Path

_DOMAIN = "kerasdoctor"
_FOLDER = Path(__file__).parent


def _(message: str) -> str:
    """`message` in the language of the locale; one without a translation shows English.

    Class attributes are marked with it when a module is imported, so the engine looks a template up once more
    when it fills it in.
    """
    return _catalogue().gettext(message)


@functools.cache
def _catalogue() -> gettext.NullTranslations:
    # looked for once: gettext's own functions search the folders for each message that has no translation
    return gettext.translation(_DOMAIN, _FOLDER, fallback=True)
