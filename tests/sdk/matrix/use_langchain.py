"""LangChain over OpenAI's SDK."""

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from turns import BASE, turns


def call(token):
    url = f"{BASE}/proxy/openai/v1"
    chat = ChatOpenAI(model="m", base_url=url, api_key=token, max_retries=0)
    yield chat.invoke("Say hello.").content
    yield "|".join(chunk.content for chunk in chat.stream("Say hello.") if chunk.content)
    own = OpenAIEmbeddings(
        model="m", base_url=url, api_key=token, max_retries=0, check_embedding_ctx_length=False
    )
    yield own.embed_query("hello")


turns(call)
