// page.mjs: mount, which builds the whole page within an element.

import { App } from "fastnn/app.mjs";
import { watchScheme } from "fastnn/colours.mjs";
import { button, select } from "fastnn/controls.mjs";
import { h, fill } from "fastnn/dom.mjs";
import { plural } from "fastnn/format.mjs";
import * as address from "fastnn/state.mjs";
import { TABS } from "fastnn/tabs.mjs";

/**
 * Build the page in the shadow root of `host`, drawn from `source`.
 *
 * options.css: the text of style.css. options.state: a state to start with, as in the address.
 * options.whole: whether this page owns the document, and so its address; default false.
 * Resolves to the App when the first tab is drawn; host has then the attribute data-ready.
 */
export async function mount(host, source, options) {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(options.css);
  root.adoptedStyleSheets = [sheet];
  const shell = new Shell(host, root, source, options);
  await shell.start();
  host.setAttribute("data-ready", "");
  host.ready = true;
  return shell.app;
}

class Shell {
  constructor(host, root, source, options) {
    Object.assign(this, { host, options, tabs: {}, tab: null });
    this.live = h("p", { class: "live", role: "status", "aria-live": "polite" });
    this.alert = h("p", { class: "alert", role: "alert", hidden: true });
    this.app = new App(source, {
      root,
      say: (text) => this.say(text),
      report: (message) => this.report(message),
      writeAddress: () => this.writeAddress(),
      go: (tab, state) => this.go(tab, state),
    });
    this.page = h("div", { class: "page" });
    fill(root, this.page);
    const redraw = watchScheme(root, () => this.tabs[this.tab]?.show());
    this.scheme = (name) => {
      host.style.setProperty("color-scheme", name);
      redraw();
    };
  }

  async start() {
    const { app } = this;
    const start = this.initial();
    this.only = TABS[start.only] ? start.only : null;
    for (const [name, create] of Object.entries(TABS)) if (!this.only || name === this.only) this.tabs[name] = create(app);
    this.build();
    app.source.onframe = (frame) => this.frame(frame);
    await app.restore(start);
    await this.go(this.only ?? (this.tabs[start.tab] ? start.tab : "draw"), start);
    if (this.options.whole) addEventListener("hashchange", () => this.restore(this.initial()));
  }

  initial() {
    return { ...this.options.state, ...(this.options.whole ? address.read(location.hash) : {}) };
  }

  async restore(state) {
    if ((state.only ?? null) !== this.only) return location.reload();
    await this.app.restore(state);
    return this.go(this.only ?? (this.tabs[state.tab] ? state.tab : this.tab), state);
  }

  build() {
    this.panels = Object.fromEntries(
      Object.entries(this.tabs).map(([name, { element }]) => {
        const props = this.only ? {} : { role: "tabpanel", "aria-labelledby": `tab-${name}` };
        return [name, h("section", { id: `panel-${name}`, hidden: true, ...props }, element)];
      }),
    );
    const parts = this.only ? [] : [this.header(), this.tabList()];
    fill(this.page, parts, this.alert, h("main", {}, Object.values(this.panels)), this.live, this.only ? null : this.footer());
    this.page.classList.toggle("lesson", this.only !== null);
    this.page.classList.toggle("whole", Boolean(this.options.whole));
  }

  header() {
    const { network, title } = this.app.meta;
    const facts = [network.sizes.join(" – "), plural(network.n_params, "parameter"), `cost: ${network.loss.replaceAll("_", " ")}`];
    const scheme = select("Colours", [["light dark", "as the system"], ["dark", "dark"], ["light", "light"]], { value: "light dark", onchange: (name) => this.scheme(name) });
    const link = button("Copy link", () => this.copy(link));
    return h("header", {}, h("div", { class: "name" }, h("h1", { text: title || "fastnn" }), h("p", { class: "facts", text: facts.join(" · ") })), h("div", { class: "tools" }, link, scheme.element));
  }

  async copy(link) {
    const state = address.written(this.state());
    const text = address.hasAddress() ? location.href.split("#")[0] + state : state;
    try {
      await navigator.clipboard.writeText(text);
      link.textContent = "Copied";
    } catch {
      this.say(`The browser does not let this page copy. The link: ${text}`);
      prompt("The link to this view:", text);
    }
    setTimeout(() => (link.textContent = "Copy link"), 2000);
  }

  tabList() {
    const names = Object.keys(this.tabs);
    const tabs = names.map((name, k) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => this.go(name), onkeydown: (event) => this.arrow(event, names, k) }, this.tabs[name].title));
    this.buttons = Object.fromEntries(names.map((name, k) => [name, tabs[k]]));
    return h("nav", { "aria-label": "Views" }, h("div", { class: "tabs", role: "tablist", "aria-label": "Views" }, tabs));
  }

  arrow(event, names, k) {
    const to = { ArrowRight: k + 1, ArrowLeft: k - 1, Home: 0, End: names.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const name = names[(to + names.length) % names.length];
    this.go(name);
    this.buttons[name].focus();
  }

  footer() {
    const { kind, version, can } = this.app.meta;
    const where = kind === "local" ? "Computed by fastnn on this computer; nothing is sent anywhere else." : "Computed by fastnn's core in this page; nothing is sent anywhere.";
    const recorded = can.sentences === "recorded" ? " Sentences are recorded by fastnn.explain." : "";
    return h("footer", {}, h("p", { text: `${where}${recorded} fastnn ${version}` }));
  }

  /** Show a tab, in a state of its own if one is given. */
  async go(name, state = null) {
    const tab = this.tabs[name];
    if (state) tab.restore(state);
    if (this.tab !== name) this.tabs[this.tab]?.hide();
    this.tab = name;
    for (const [other, panel] of Object.entries(this.panels)) {
      panel.hidden = other !== name;
      this.buttons?.[other].setAttribute("aria-selected", String(other === name));
      this.buttons?.[other].setAttribute("tabindex", other === name ? "0" : "-1");
    }
    this.writeAddress();
    await tab.show();
  }

  state() {
    const { index, x, target } = this.app.state;
    return { tab: this.tab, only: this.only, index, x, target, ...(this.tabs[this.tab]?.stateOf() ?? {}) };
  }

  writeAddress() {
    if (this.tab && this.options.whole) address.write(this.state());
  }

  async frame(frame) {
    this.app.frame = frame;
    this.app.meta = this.app.source.meta;
    this.app.history.add(frame, this.app.meta.data?.n_train ?? this.app.meta.data?.n);
    await this.tabs[this.tab]?.frame?.(frame);
  }

  say(text) {
    this.live.textContent = text;
  }

  report(message) {
    this.alert.hidden = message === null;
    if (message !== null) this.alert.textContent = message;
  }
}
