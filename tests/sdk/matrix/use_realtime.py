"""The OpenAI SDK's realtime sessions: a WebSocket to the gateway."""

import openai
from turns import BASE, turns


def call(token):
    client = openai.OpenAI(base_url=f"{BASE}/proxy/openai/v1", api_key=token, max_retries=0)
    with client.realtime.connect(model="gpt-realtime") as connection:
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        connection.response.create()
        words = []
        for event in connection:
            if event.type == "response.output_text.delta":
                words.append(event.delta)
            if event.type == "response.done":
                break
    yield "|".join(words)


turns(call)
