// What the pages need beside htmx: dialogs, copying, progress, the live switch. No page stores anything.

const say = (text) => {
  const region = document.getElementById("spoken");
  if (region) region.textContent = text;
};

const copy = async (text, source) => {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Without TLS a page may not use the clipboard: select the text and ask the browser to copy the selection.
  const range = document.createRange();
  range.selectNodeContents(source);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
  if (!document.execCommand("copy")) throw new Error("not allowed");
};

const onCopy = async (button) => {
  const source = document.getElementById(button.dataset.copy);
  const before = button.textContent;
  try {
    await copy(source.textContent.trim(), source);
    button.textContent = "Copied";
    say("Copied");
  } catch {
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => { button.textContent = before; }, 2000);
};

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-dialog], [data-close], [data-reveal]");
  if (!target) return;
  if (target.dataset.copy) onCopy(target);
  if (target.dataset.dialog) document.getElementById(target.dataset.dialog).showModal();
  if (target.hasAttribute("data-close")) target.closest("dialog").close();
});

// A form that is on its way says so, and cannot be sent twice.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || event.defaultPrevented || button.formMethod === "dialog") return;
  if (event.target.matches("[hx-post], [hx-get], [data-own]")) return;
  setTimeout(() => { button.setAttribute("aria-busy", "true"); button.disabled = true; }, 0);
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
});

// What refreshes itself waits while nobody looks, while it is switched off, and keeps what was unfolded.
const isLive = () => document.getElementById("live-switch")?.checked ?? true;
let unfolded = new Set();
document.addEventListener("htmx:beforeRequest", (event) => {
  const polls = event.target.matches("[data-polls]") && event.detail.requestConfig.verb === "get";
  if (polls && (document.hidden || !isLive())) event.preventDefault();
});
document.addEventListener("htmx:beforeSwap", () => {
  unfolded = new Set([...document.querySelectorAll("details[id][open]")].map((each) => each.id));
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
});
document.addEventListener("htmx:sendError", () => {
  say("Gaud does not answer");
  document.getElementById("offline")?.removeAttribute("hidden");
});
document.addEventListener("htmx:afterOnLoad", () => {
  document.getElementById("offline")?.setAttribute("hidden", "");
});

// Countdowns: an element says until when, in seconds since 1970.
const countDown = () => {
  for (const each of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.round(Number(each.dataset.until) - Date.now() / 1000));
    const text = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (each.textContent !== text) each.textContent = text;
  }
};
setInterval(countDown, 500);

// A dialog that htmx fills opens; a field whose check has found something says so to everybody.
document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.target;
  if (target.matches("dialog[data-opens]") && !target.open) target.showModal();
  if (target.matches(".setting-problem")) {
    const field = target.closest(".setting").querySelector("[aria-describedby]");
    if (target.querySelector(".wrong")) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
});
