// Vercel's AI SDK: openai-compatible over chat/completions, openai over responses, anthropic over messages.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { HELLO, MODEL, PARAMETERS, WEATHER, joined, told, weather as look } from "./common.mjs";

const baseURL = process.env.TEST_BASE_URL;
const apiKey = process.env.GAUD_KEY;
const providers = {
  "chat/completions": () => createOpenAICompatible({ name: "gaud", baseURL, apiKey })(MODEL),
  responses: () => createOpenAI({ baseURL, apiKey })(MODEL),
  messages: () => createAnthropic({ baseURL, authToken: apiKey })(MODEL),
};
const model = providers[process.env.TEST_ENDPOINT]();
const weather = tool({
  description: "Tell the weather.",
  inputSchema: jsonSchema(PARAMETERS),
  execute: async (input) => look(input),
});
const plain = { model, prompt: HELLO, maxRetries: 0 };
const able = { model, prompt: WEATHER, tools: { weather }, stopWhen: stepCountIs(2), maxRetries: 0 };
const fail = { onError: ({ error }) => { throw error; } };

await told({
  whole: (await generateText(plain)).text,
  streamed: await joined(streamText({ ...plain, ...fail }).textStream, (text) => text),
  tools: (await generateText(able)).text,
  streamed_tools: await joined(streamText({ ...able, ...fail }).textStream, (text) => text),
});
