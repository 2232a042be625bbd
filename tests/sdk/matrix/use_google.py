"""Google's SDK for Gemini: content, a stream, embeddings, and a resumable upload."""

import io

from google import genai
from google.genai import types
from turns import BASE, turns


def call(token):
    options = types.HttpOptions(base_url=f"{BASE}/proxy/google")
    client = genai.Client(api_key=token, http_options=options)
    yield client.models.generate_content(model="m", contents="Say hello.").text
    stream = client.models.generate_content_stream(model="m", contents="Say hello.")
    yield "|".join(chunk.text for chunk in stream)
    yield client.models.count_tokens(model="m", contents="hello").total_tokens
    yield client.models.embed_content(model="gemini-embedding-001", contents="hello").embeddings[0].values
    file = client.files.upload(file=io.BytesIO(b"hello"), config={"mime_type": "text/plain"})
    yield file.name


turns(call)
