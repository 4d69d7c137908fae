"""The user's own callbacks, changed where they are written out."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from kerasdoctor.record import TrainingRecord


def with_keywords(record: TrainingRecord, kind: str, keywords: Mapping[str, str]) -> str | None:
    """Source of the `callbacks` argument with keywords of every call of `kind` set.

    Args:
        record: the run.
        kind: class of a callback, e.g. "EarlyStopping".
        keywords: keyword -> its source.

    Returns:
        None where no such call is written out in the call of `fit`, e.g. because the list is a variable.
    """
    written = record.source.arguments.get("callbacks") if record.source else None
    if written is None:
        return None
    try:
        tree = ast.parse(written.strip(), mode="eval")
    except SyntaxError:
        return None
    found = False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", getattr(node.func, "id", "")) != kind:
            continue
        if node.args[1:] or any(isinstance(argument, ast.Starred) for argument in node.args):
            # positions may hold what a keyword would give twice
            continue
        if "monitor" in keywords and kind != "ModelCheckpoint":
            # its first argument is the file
            node.args = []
        node.keywords = [keyword for keyword in node.keywords if keyword.arg not in keywords]
        node.keywords += [ast.keyword(name, ast.parse(source, mode="eval").body) for name, source in keywords.items()]
        found = True
    # `unparse` writes single quotes; the cells of this package hold double ones
    return ast.unparse(tree) if found else None
