"""The language of everything shown: messages are marked with `_` and looked up in a gettext catalogue."""

from __future__ import annotations

import gettext
from pathlib import Path

_DOMAIN = "kerasdoctor"
_FOLDER = Path(__file__).parent


def _(message: str) -> str:
    """`message` in the language of the locale; one without a translation shows English.

    Class attributes are marked with it when a module is imported, so the engine looks a template up once more
    when it fills it in.
    """
    return gettext.dgettext(_DOMAIN, message)


gettext.bindtextdomain(_DOMAIN, _FOLDER)
