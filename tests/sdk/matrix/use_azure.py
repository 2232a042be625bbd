"""The OpenAI SDK as it speaks to Azure: another header, another path."""

import openai
from turns import BASE, turns

MESSAGES = [{"role": "user", "content": "Say hello."}]


def call(token):
    client = openai.AzureOpenAI(
        azure_endpoint=f"{BASE}/proxy/azure-openai", api_key=token, api_version="2024-10-21", max_retries=0
    )
    yield client.chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content


turns(call)
