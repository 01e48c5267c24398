"""Pure: how a secret may be spelled where it must not appear."""

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus


def spellings(secret: str) -> list[str]:
    """Every spelling in which a secret may come back or slip out, longest first; none for an empty secret."""
    if not secret:
        return []
    found = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
        base64.b64encode(secret.encode()).decode(),
        base64.urlsafe_b64encode(secret.encode()).decode(),
    }
    found |= {re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), spelling) for spelling in found}
    return sorted(found, key=lambda spelling: (-len(spelling), spelling))
