"""Voyage's SDK."""

import voyageai
from turns import BASE, turns


def call(token):
    client = voyageai.Client(api_key=token, base_url=f"{BASE}/proxy/voyage/v1", max_retries=0)
    yield client.embed(["hello"], model="m").embeddings[0]
    yield client.rerank("hello", ["a", "b"], model="m").results[0].index


turns(call)
