"""A streamed chat completion over the Unix socket, without a token."""

from gateway import MESSAGES, MODEL, NO_TOKEN, over_unix

chunks = over_unix().chat.completions.create(
    model=MODEL, messages=MESSAGES, stream=True, extra_headers=NO_TOKEN
)
for chunk in chunks:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="|")
print()
