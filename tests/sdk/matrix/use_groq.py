"""Groq's SDK."""

import groq
from turns import BASE, turns

MESSAGES = [{"role": "user", "content": "Say hello."}]


def call(token):
    client = groq.Groq(api_key=token, base_url=f"{BASE}/proxy/groq", max_retries=0)
    yield client.chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content
    stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    yield "|".join(c.choices[0].delta.content for c in stream if c.choices[0].delta.content)


turns(call)
