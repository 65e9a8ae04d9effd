// OpenAI's SDK for Node, over chat/completions and responses.
import OpenAI from "openai";
import { HELLO, MODEL, PARAMETERS, WEATHER, joined, told, weather } from "./common.mjs";

const client = new OpenAI({ maxRetries: 0 }); // the address and the key are those of the environment

const chat = {
  async ask(text, stream) {
    const asked = { model: MODEL, messages: [{ role: "user", content: text }] };
    if (!stream) return (await client.chat.completions.create(asked)).choices[0].message.content;
    const chunks = await client.chat.completions.create({ ...asked, stream: true });
    return joined(chunks, (chunk) => chunk.choices[0]?.delta?.content);
  },
  async work(stream) {
    const tools = [{ type: "function", function: { name: "weather", parameters: PARAMETERS } }];
    const messages = [{ role: "user", content: WEATHER }];
    const asked = { model: MODEL, tools };
    const answer = stream
      ? await client.chat.completions.stream({ ...asked, messages }).finalChatCompletion()
      : await client.chat.completions.create({ ...asked, messages });
    const message = answer.choices[0].message;
    const call = message.tool_calls[0];
    const content = weather(JSON.parse(call.function.arguments));
    const { id, type, function: { name, arguments: given } } = call;
    messages.push({ role: "assistant", tool_calls: [{ id, type, function: { name, arguments: given } }] });
    messages.push({ role: "tool", tool_call_id: id, content });
    return (await client.chat.completions.create({ ...asked, messages })).choices[0].message.content;
  },
};

const responses = {
  async ask(text, stream) {
    if (!stream) return (await client.responses.create({ model: MODEL, input: text })).output_text;
    const events = await client.responses.create({ model: MODEL, input: text, stream: true });
    return joined(events, (event) => (event.type === "response.output_text.delta" ? event.delta : ""));
  },
  async work(stream) {
    const tools = [{ type: "function", name: "weather", parameters: PARAMETERS, strict: false }];
    const input = [{ role: "user", content: WEATHER }];
    const asked = { model: MODEL, tools };
    const answer = stream
      ? await client.responses.stream({ ...asked, input }).finalResponse()
      : await client.responses.create({ ...asked, input });
    const { call_id, name, arguments: given } = answer.output.find((item) => item.type === "function_call");
    input.push({ type: "function_call", call_id, name, arguments: given });
    input.push({ type: "function_call_output", call_id, output: weather(JSON.parse(given)) });
    return (await client.responses.create({ ...asked, input })).output_text;
  },
};

const { ask, work } = process.env.TEST_ENDPOINT === "responses" ? responses : chat;
await told({
  whole: await ask(HELLO, false),
  streamed: await ask(HELLO, true),
  tools: await work(false),
  streamed_tools: await work(true),
});
