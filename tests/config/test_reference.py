from pathlib import Path

from bridge.config.environment import variables
from bridge.config.reference import reference

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_documentation_is_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == reference(), (
        "make it anew: .venv/bin/python -m bridge.config.reference > docs/configuration.md"
    )


def test_it_names_every_variable() -> None:
    text = reference()
    settings = [name for loc, name in variables() if len(loc) > 1 and loc[-1] not in {"topics", "security"}]
    missing = [name for name in settings if f"`{name}`" not in text]
    assert missing == []
