import { sha256Hex } from "../../internal/crypto.ts";
import { INVISIBLE } from "../../internal/json_text.ts";
import { style } from "./style.ts";

/** The script of every page. Pages that read work without it. */
const script: string = String.raw`"use strict";
// A notice is shown once: reloading the page must not say it again.
const url = new URL(location.href);
if (url.searchParams.has("notice")) {
  url.searchParams.delete("notice");
  history.replaceState(null, "", url);
}

// A form with "data-confirm" asks before it is sent.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

// Relative times stay true while the page is open.
const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const relative = (time) => {
  const seconds = Math.trunc((time - Date.now()) / 1000);
  const size = Math.abs(seconds);
  const unit = units.find(([length]) => size >= length);
  if (!unit) return "now";
  const text = Math.floor(size / unit[0]) + " " + unit[1];
  return seconds < 0 ? text + " ago" : "in " + text;
};
setInterval(() => {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    time.textContent = relative(Date.parse(time.dateTime));
  }
}, 5000);

// The list of events grows as events are accepted. What they contain is only ever text.
const live = document.querySelector("[data-live]");
if (live) {
  const [toggle, table, rows, template] = ["toggle", "table", "rows", "template"]
    .map((name) => document.querySelector("[data-live-" + name + "]"));
  const seen = new Set([...rows.children].map((row) => row.dataset.id));
  const MOST = 200;
  let source;
  let last;
  const say = (state, text) => {
    live.dataset.state = state;
    live.textContent = text;
    live.hidden = false;
  };
  // Like the server, shows characters that are invisible or reorder text.
  const shown = (text) =>
    text.replace(/${INVISIBLE.source}/gu, (character) =>
      character.split("").map((unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"))
        .join(""));
  const add = (event) => {
    if (seen.has(event.id)) return;
    seen.add(event.id);
    const row = template.content.firstElementChild.cloneNode(true);
    row.dataset.id = event.id;
    const time = row.querySelector("time");
    const at = new Date(event.timestamp);
    time.dateTime = event.timestamp;
    time.title = at.toISOString().slice(0, 19).replace("T", " ") + " UTC";
    time.textContent = relative(at.getTime());
    const link = row.querySelector("a");
    link.setAttribute("href", link.getAttribute("href") + encodeURIComponent(event.id));
    link.textContent = event.type;
    for (const cell of row.querySelectorAll("[data-field]")) {
      cell.textContent = shown(event[cell.dataset.field] || "");
    }
    const text = shown(JSON.stringify(event.data) || "");
    row.querySelector(".preview").textContent = text.length > 160 ? text.slice(0, 160) + "…" : text;
    rows.prepend(row);
    while (rows.children.length > MOST) {
      seen.delete(rows.lastElementChild.dataset.id);
      rows.lastElementChild.remove();
    }
    table.hidden = false;
    document.querySelector(".empty")?.remove();
  };
  const open = () => {
    const from = new URL(live.dataset.live, location.href);
    if (last) from.searchParams.set("after", last);
    source = new EventSource(from);
    source.onopen = () => say("live", "Live");
    source.onerror = () => {
      const ended = source.readyState === EventSource.CLOSED;
      say("lost", ended ? "Disconnected: reload the page" : "Reconnecting");
    };
    source.onmessage = ({ data, lastEventId }) => {
      last = lastEventId;
      add(JSON.parse(data));
    };
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const isOpen = source !== undefined;
    source?.close();
    source = undefined;
    toggle.textContent = isOpen ? "Resume" : "Pause";
    if (isOpen) say("paused", "Paused");
    else open();
  });
  open();
}

// A page that shows something in progress replaces its content while that lasts.
const refresh = async () => {
  const main = document.querySelector("main[data-refresh]");
  if (!main) return;
  await new Promise((resolve) => setTimeout(resolve, main.dataset.refresh * 1000));
  const response = await fetch(location.href, { credentials: "same-origin" }).catch(() => {});
  if (response && response.ok && !document.hidden) {
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    const content = next.querySelector("main");
    if (content && !main.contains(document.activeElement)) main.replaceWith(content);
    else if (content) {
      // What has the focus keeps it: only numbers and the bar change.
      for (const part of main.querySelectorAll("[data-part]")) {
        const other = content.querySelector("[data-part=" + part.dataset.part + "]");
        if (other) part.replaceWith(other);
      }
      if (!content.dataset.refresh) main.replaceWith(content);
    }
  }
  refresh();
};
refresh();
`;

const icon = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">' +
  '<rect width="20" height="20" rx="5" fill="#4f46e5"/><path d="M12.5 4.5v7a3 3 0 0 1-6 0v-1" ' +
  'fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>';

const FILES = {
  style: ["css", "text/css; charset=utf-8", style],
  script: ["js", "text/javascript; charset=utf-8", script],
  icon: ["svg", "image/svg+xml", icon],
} as const;

/** A file that pages load. */
type Asset = {
  /** Below the root of the console. Contains a digest of the content. */
  readonly path: string;
  readonly type: string;
  readonly content: string;
};

let loaded: Promise<Readonly<Record<keyof typeof FILES, Asset>>> | undefined;

/** Returns the files that pages load. */
export function assets(): Promise<Readonly<Record<keyof typeof FILES, Asset>>> {
  return loaded ??= (async () => ({
    style: await assetOf("style"),
    script: await assetOf("script"),
    icon: await assetOf("icon"),
  }))();
}

/** Returns the file of a name, `style-….css`, and whether it is the one of this version. */
export async function findAsset(
  path: string,
): Promise<{ readonly asset: Asset; readonly isCurrent: boolean } | undefined> {
  const [, name] = /^assets\/(style|script|icon)-[0-9a-f]{12}\.(?:css|js|svg)$/.exec(path) ?? [];
  if (name === undefined) return undefined;
  const asset = (await assets())[name as keyof typeof FILES];
  return { asset, isCurrent: asset.path === path };
}

async function assetOf(name: keyof typeof FILES): Promise<Asset> {
  const [extension, type, content] = FILES[name];
  const digest = (await sha256Hex(content)).slice(0, 12);
  return { path: `assets/${name}-${digest}.${extension}`, type, content };
}
