"""Anthropic's SDK: a message and a stream, with the key in either of its places."""

import anthropic
from turns import BASE, turns

MESSAGES = [{"role": "user", "content": "Say hello."}]


def call(token):
    for place in ("api_key", "auth_token"):
        client = anthropic.Anthropic(base_url=f"{BASE}/proxy/anthropic", max_retries=0, **{place: token})
        message = client.messages.create(model="m", max_tokens=9, messages=MESSAGES)
        yield message.content[0].text
    with client.messages.stream(model="m", max_tokens=9, messages=MESSAGES) as stream:
        yield "|".join(stream.text_stream)


turns(call)
