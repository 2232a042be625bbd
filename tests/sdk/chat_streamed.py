"""A streamed chat completion, printed piece by piece."""

from gateway import MESSAGES, MODEL, over_tcp

for chunk in over_tcp().chat.completions.create(model=MODEL, messages=MESSAGES, stream=True):
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="|")
print()
