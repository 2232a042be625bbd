"""Mistral's SDK."""

from mistralai.client import Mistral
from turns import BASE, turns

MESSAGES = [{"role": "user", "content": "Say hello."}]


def call(token):
    with Mistral(api_key=token, server_url=f"{BASE}/proxy/mistral") as client:
        yield client.chat.complete(model="m", messages=MESSAGES).choices[0].message.content
        stream = client.chat.stream(model="m", messages=MESSAGES)
        words = [event.data.choices[0].delta.content for event in stream]
        yield "|".join(word for word in words if word)


turns(call)
