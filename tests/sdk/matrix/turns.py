"""The same calls three times: with a token that may, with a revoked one, and with one whose consumer
has no grant for their purpose. Prints what came back, or which exception the SDK made of it."""

import os

BASE = os.environ["GATEWAY"]
SAID = {
    "The broker's token is missing or not valid": "our words on the token",
    "No grant in secrets.grants.toml allows this": "our words on the grant",
}


def status(error):
    """The HTTP status, under the name this SDK has for it."""
    for name in ("status_code", "http_status", "code"):
        if isinstance(getattr(error, name, None), int):
            return getattr(error, name)
    return None


def told(error):
    """Which of our messages is in it."""
    text = f"{error} {getattr(error, 'body', '')}"
    return next((short for words, short in SAID.items() if words in text), text)


def turns(call):
    """`call` takes a token and gives lines."""
    for name in ("GOOD", "REVOKED", "NARROW"):
        try:
            for line in call(os.environ[name]):
                print(name.lower(), line, flush=True)
        except Exception as error:
            print(name.lower(), type(error).__name__, status(error), told(error), flush=True)
