// The OpenAI SDK for Node.
import OpenAI, { toFile } from "openai";
import { BASE, turns } from "./turns.mjs";

const messages = [{ role: "user", content: "Say hello." }];

await turns(async function* (apiKey) {
  const client = new OpenAI({ apiKey, baseURL: `${BASE}/proxy/openai/v1`, maxRetries: 0 });
  const whole = await client.chat.completions.create({ model: "m", messages });
  yield whole.choices[0].message.content;
  const stream = await client.chat.completions.create({ model: "m", messages, stream: true });
  const words = [];
  for await (const chunk of stream) if (chunk.choices[0].delta.content) words.push(chunk.choices[0].delta.content);
  yield words.join("|");
  yield JSON.stringify((await client.embeddings.create({ model: "m", input: "hello" })).data[0].embedding);
  const file = await toFile(Buffer.from("hello"), "a.txt");
  yield (await client.files.create({ file, purpose: "assistants" })).id;
});
