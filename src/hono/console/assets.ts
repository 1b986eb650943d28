import { sha256Hex } from "../../internal/crypto.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";

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
