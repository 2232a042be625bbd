// Anthropic's SDK for Node.
import Anthropic from "@anthropic-ai/sdk";
import { BASE, turns } from "./turns.mjs";

const messages = [{ role: "user", content: "Say hello." }];

await turns(async function* (apiKey) {
  const client = new Anthropic({ apiKey, baseURL: `${BASE}/proxy/anthropic`, maxRetries: 0 });
  const whole = await client.messages.create({ model: "m", max_tokens: 9, messages });
  yield whole.content[0].text;
  const words = [];
  const stream = client.messages.stream({ model: "m", max_tokens: 9, messages });
  stream.on("text", (text) => words.push(text));
  await stream.finalMessage();
  yield words.join("|");
});
