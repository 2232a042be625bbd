"""An embedding. The SDK asks for base64 and decodes it."""

from gateway import MODEL, over_tcp

print(over_tcp().embeddings.create(model=MODEL, input="hello").data[0].embedding)
