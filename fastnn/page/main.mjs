// main.mjs: the entry of a page of its own: finds the source of the numbers, and mounts the page.

import { mount } from "fastnn/page.mjs";

/** Return the source: a record within this document, else the server that sent it. */
async function connect() {
  const record = document.getElementById("fastnn-record");
  const module = record ? await import("fastnn/source-file.mjs") : await import("fastnn/source-local.mjs");
  return module.connect(record ? JSON.parse(record.textContent) : undefined);
}

/** Return the text of style.css: from this document in a single file, else from beside this module. */
async function styleText() {
  const within = document.getElementById("fastnn-style");
  if (within) return within.textContent;
  return (await fetch(new URL("./style.css", import.meta.url))).text();
}

const host = document.getElementById("fastnn");
document.body.style.setProperty("margin", "0");
try {
  const [source, css] = await Promise.all([connect(), styleText()]);
  await mount(host, source, { css, whole: true });
} catch (error) {
  host.textContent = `The page could not start: ${error.message}`;
  host.setAttribute("role", "alert");
  throw error;
}
