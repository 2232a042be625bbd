"""Where the gateway is and what opens it; shared by the scripts beside this one.

The SDK is given a broker token as its key, or no key at all. Each script prints what it got, and
the test that started it compares that.
"""

import os

import httpx2
import openai


def over_tcp() -> openai.OpenAI:
    """A client for the loopback port, with the broker's token."""
    with open(os.environ["TOKEN_FILE"], encoding="ascii") as file:
        token = file.read().strip()
    return openai.OpenAI(base_url=os.environ["GATEWAY_URL"], api_key=token, max_retries=0)


def over_unix() -> openai.OpenAI:
    """A client for the Unix socket, which needs no token.

    The SDK insists on a key; requests leave it out by NO_TOKEN, since a token that is sent is judged.
    """
    transport = httpx2.HTTPTransport(uds=os.environ["GATEWAY_SOCKET"])
    return openai.OpenAI(
        base_url="http://localhost/proxy/openai/v1",
        api_key="not sent",
        max_retries=0,
        http_client=httpx2.Client(transport=transport),
    )


MESSAGES = [{"role": "user", "content": "Say hello."}]
MODEL = "standin-1"
NO_TOKEN = {"Authorization": openai.omit}
