"""A plain chat completion."""

from gateway import MESSAGES, MODEL, over_tcp

completion = over_tcp().chat.completions.create(model=MODEL, messages=MESSAGES)
print(completion.choices[0].message.content)
