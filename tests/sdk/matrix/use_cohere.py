"""Cohere's SDK."""

import cohere
from turns import BASE, turns

MESSAGES = [{"role": "user", "content": "Say hello."}]


def call(token):
    client = cohere.ClientV2(api_key=token, base_url=f"{BASE}/proxy/cohere")
    yield client.chat(model="m", messages=MESSAGES).message.content[0].text
    stream = client.chat_stream(model="m", messages=MESSAGES)
    yield "|".join(event.delta.message.content.text for event in stream)
    embedded = client.embed(model="m", input_type="search_query", texts=["hello"], embedding_types=["float"])
    yield embedded.embeddings.float_[0]
    yield client.rerank(model="m", query="hello", documents=["a", "b"]).results[0].index


turns(call)
