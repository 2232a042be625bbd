"""LiteLLM as a client, in two languages."""

import litellm
from turns import BASE, turns

MESSAGES = [{"role": "user", "content": "Say hello."}]
litellm.suppress_debug_info = True


def call(token):
    for model, place in (("openai/m", "openai/v1"), ("anthropic/claude-standin", "anthropic")):
        answer = litellm.completion(
            model=model, messages=MESSAGES, api_base=f"{BASE}/proxy/{place}", api_key=token, max_retries=0
        )
        yield answer.choices[0].message.content


turns(call)
