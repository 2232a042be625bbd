// Google's SDK for Node, its resumable upload included.
import { GoogleGenAI } from "@google/genai";
import { BASE, turns } from "./turns.mjs";

await turns(async function* (apiKey) {
  const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: `${BASE}/proxy/google` } });
  yield (await client.models.generateContent({ model: "m", contents: "Say hello." })).text;
  const words = [];
  const stream = await client.models.generateContentStream({ model: "m", contents: "Say hello." });
  for await (const chunk of stream) words.push(chunk.text);
  yield words.join("|");
  const file = new Blob(["hello"], { type: "text/plain" });
  yield (await client.files.upload({ file })).name;
});
