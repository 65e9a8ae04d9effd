// Chat: one call per message, streamed; the conversation is in this page's memory and nowhere else.

const chat = document.getElementById("chat");
const form = document.getElementById("composer");
const talk = document.getElementById("talk");
const message = document.getElementById("message");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const spoken = document.getElementById("spoken");

let history = [];
let running = null;

const turn = (who, text, mine) => {
  document.getElementById("nothing-yet")?.remove();
  const made = document.getElementById("turn").content.cloneNode(true).firstElementChild;
  made.classList.toggle("mine", mine);
  made.querySelector(".who-says").textContent = who;
  made.querySelector(".text").textContent = text;
  talk.append(made);
  made.scrollIntoView({ block: "end" });
  return made;
};

const busy = (is) => {
  send.disabled = is;
  stop.hidden = !is;
};

const failed = (made, text, hint) => {
  made.classList.add("bad");
  const words = document.createElement("p");
  words.className = "wrong";
  words.setAttribute("role", "alert");
  words.textContent = hint && !text.includes(hint) ? `${text} ${hint}` : text;
  made.append(words);
};

// Server-sent events, as far as this endpoint sends them: `data:` lines, an empty line ends an event.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += value.replaceAll("\r\n", "\n");
    let end;
    while ((end = held.indexOf("\n\n")) >= 0) {
      const data = held.slice(0, end).split("\n").filter((line) => line.startsWith("data:"));
      held = held.slice(end + 2);
      if (data.length) yield data.map((line) => line.slice(5).trim()).join("\n");
    }
  }
}

const outcome = async (id, made) => {
  // The call is settled before its answer ends; a call that was stopped is, a moment later.
  for (const pause of [0, 300, 1000]) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const answer = await fetch(`/ui/playground/calls/${id}`, { headers: { "hx-request": "true" } });
    if (!answer.ok) return;
    const template = document.createElement("template");
    template.innerHTML = await answer.text(); // our own server's, escaped there
    made.querySelector(".after")?.remove();
    made.append(template.content);
    if (!made.textContent.includes("– in all")) return;
  }
};

const read = async (answer, made) => {
  const text = made.querySelector(".text");
  let whole = "";
  for await (const data of events(answer.body)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new Error(chunk.error.message);
    const piece = chunk.choices?.[0]?.delta?.content;
    if (piece) {
      whole += piece;
      text.textContent = whole;
      made.scrollIntoView({ block: "end" });
    }
  }
  return whole;
};

const ask = async (model, most) => {
  const made = turn(model, "", false);
  made.classList.add("writing");
  running = new AbortController();
  busy(true);
  let id = null;
  try {
    const body = { model, messages: history, stream: true, ...(most ? { max_tokens: most } : {}) };
    const answer = await fetch("/ui/playground/chat", {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": chat.dataset.csrf },
      body: JSON.stringify(body),
      signal: running.signal,
    });
    id = answer.headers.get("x-request-id");
    if (!answer.ok) {
      const { error } = await answer.json().catch(() => ({ error: { message: `Gaud answered ${answer.status}.` } }));
      failed(made, error?.message ?? `The provider answered ${answer.status}.`, answer.headers.get("x-gaud-hint"));
    } else {
      const text = await read(answer, made);
      history.push({ role: "assistant", content: text });
      spoken.textContent = text;
    }
  } catch (error) {
    failed(made, error.name === "AbortError" ? "Stopped." : `The answer broke off: ${error.message}`);
  } finally {
    made.classList.remove("writing");
    running = null;
    busy(false);
  }
  if (id) await outcome(id, made).catch(() => {});
  message.focus();
};

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = message.value.trim();
    if (!text || running) return;
    const most = Number.parseInt(document.getElementById("most").value, 10);
    history.push({ role: "user", content: text });
    turn("You", text, true);
    message.value = "";
    ask(document.getElementById("model").value.trim(), most > 0 ? most : 0);
  });
  message.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  stop.addEventListener("click", () => running?.abort());
  document.getElementById("clear").addEventListener("click", () => {
    running?.abort();
    history = [];
    talk.replaceChildren();
    message.focus();
  });
}
