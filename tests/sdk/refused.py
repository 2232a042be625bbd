"""What the SDK makes of the gateway's refusals: its own exceptions, with our codes in them."""

import os
import sys

import openai
from gateway import MESSAGES, MODEL

client = openai.OpenAI(base_url=os.environ["GATEWAY_URL"], api_key="not-the-token", max_retries=0)
try:
    client.chat.completions.create(model=MODEL, messages=MESSAGES)
except openai.AuthenticationError as error:
    print(error.status_code, error.code)
    sys.exit(0)
sys.exit("no AuthenticationError was raised")
