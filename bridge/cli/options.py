"""Options that several verbs have."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", envvar="ODDSBRIDGE_CONFIG", help="The TOML file.")
]
