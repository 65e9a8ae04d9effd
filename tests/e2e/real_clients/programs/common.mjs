// What the programs share: the words, the tool, and the line that says how it went.
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

export function told(results) {
  const trimmed = Object.entries(results).map(([name, text]) => [name, text.trim()]);
  console.log(JSON.stringify(Object.fromEntries(trimmed)));
}
