"""A response, plain and streamed."""

from gateway import MODEL, over_tcp

client = over_tcp()
print(client.responses.create(model=MODEL, input="Say hello.").output_text)
for event in client.responses.create(model=MODEL, input="Say hello.", stream=True):
    if event.type == "response.output_text.delta":
        print(event.delta, end="|")
print()
