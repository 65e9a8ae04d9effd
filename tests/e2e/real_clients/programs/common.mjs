// What the programs share: the words, the tool, and the line that says how it went.
import { writeFile } from "node:fs/promises";

export const MODEL = process.env.TEST_MODEL;
export const HELLO = "Hello from a real client: grüße 😀";
export const WEATHER = "How is the weather in Köln?";
export const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
};

export const weather = ({ city }) => `sunny in ${city}`;

export async function joined(stream, textOf) {
  let text = "";
  for await (const piece of stream) text += textOf(piece) ?? "";
  return text;
}

// Says what came of it, as one line of JSON, and with it what the lines to paste have printed.
export async function told(results) {
  if (process.env.TEST_SNIPPET) {
    await writeFile("snippet.mjs", process.env.TEST_SNIPPET);
    const print = console.log;
    console.log = (text) => (results.pasted = text);
    await import("./snippet.mjs");
    console.log = print;
  }
  const trimmed = Object.entries(results).map(([name, text]) => [name, text.trim()]);
  console.log(JSON.stringify(Object.fromEntries(trimmed)));
}
