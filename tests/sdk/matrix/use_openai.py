"""The OpenAI SDK: async, streams, files."""

import asyncio

import openai
from turns import BASE, turns

MESSAGES = [{"role": "user", "content": "Say hello."}]


def call(token):
    url = f"{BASE}/proxy/openai/v1"
    client = openai.OpenAI(base_url=url, api_key=token, max_retries=0)
    yield client.chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content

    async def streamed():
        async with openai.AsyncOpenAI(base_url=url, api_key=token, max_retries=0) as own:
            stream = await own.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            return [c.choices[0].delta.content async for c in stream if c.choices[0].delta.content]

    yield "|".join(asyncio.run(streamed()))
    yield client.embeddings.create(model="m", input="hello").data[0].embedding
    yield client.files.create(file=("a.txt", b"hello"), purpose="assistants").id


turns(call)
