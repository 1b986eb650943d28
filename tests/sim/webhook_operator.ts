import type { NewWebhook, WebhookChanges } from "../../src/webhook_store/mod.ts";
import type { Random } from "./random.ts";
import type { WebhookCluster, WebhookNode } from "./webhook_cluster.ts";
import { KNOWN_AFTER } from "./webhook_model.ts";

/** Names of webhooks: few, so that those that were deleted are tried again. */
const NAMES = 12;
/** Events of which some webhooks get a part. */
const EVENTS = [["job.*"], ["job.*"], ["job.done"], ["job.started", "job.done"]] as const;
const FILTERS = [null, null, { "data.kind": ["a"] }, { "data.kind": ["a", "b"] }] as const;

/** What may be thrown: by code, what is then known not to be stored. */
const REJECTIONS = ["webhook_exists", "name_used", "webhook_changed", "webhook_not_found"];

/** A change that is said not to be stored: by its URL, and since when it must not be. */
type Refused = { readonly name: string; readonly url: string; readonly since: number };

/** A change: who asked for it, and since when. */
type Asked = { readonly node: WebhookNode; readonly name: string; readonly began: number };

/** Creates, changes and deletes webhooks at random, through the public API, and checks what it returns. */
export class WebhookOperator {
  readonly totals = { created: 0, updated: 0, rotated: 0, deleted: 0, tested: 0, rejections: 0 };
  readonly #cluster: WebhookCluster;
  readonly #random: Random;
  readonly #refused: Refused[] = [];
  #count = 0;

  constructor(cluster: WebhookCluster) {
    this.#cluster = cluster;
    this.#random = cluster.simulation.random.fork();
  }

  /** Runs an operation in a process; now and then two change one webhook at once. */
  operate(node: WebhookNode, other: WebhookNode): void {
    const { webhooks } = this.#cluster.model;
    const stored = [...webhooks].filter(([, { deletedAt }]) => deletedAt === undefined);
    const isNew = stored.length < 2 || this.#random.chance(0.2);
    const [known] = this.#random.pick(stored) ?? [];
    const name = isNew || known === undefined ? `w${this.#random.between(1, NAMES)}` : known;
    for (const one of this.#random.chance(0.3) ? [node, other] : [node]) {
      void this.#operate({ node: one, name, began: this.#cluster.simulation.now }, isNew);
    }
  }

  async #operate(asked: Asked, isNew: boolean): Promise<void> {
    const draw = this.#random.next();
    if (isNew) await this.create(asked);
    else if (draw < 0.4) await this.update(asked);
    else if (draw < 0.6) await this.rotate(asked);
    else if (draw < 0.68) await this.test(asked);
    else if (draw < 0.78) await this.delete(asked);
    else if (draw < 0.88) await this.#target(asked, "disable");
    else await this.#target(asked, "enable");
  }

  async create(asked: Asked): Promise<void> {
    const { model } = this.#cluster;
    const { node, name } = asked;
    const url = this.#urlOf(name);
    const filter = this.#random.pick(FILTERS);
    const webhook: NewWebhook = {
      ...{ name, url, events: this.#random.pick(EVENTS), timeout: "30s", concurrency: 4 },
      retry: ["500ms", "2s", "8s", "20s"],
      ...filter && { filter },
    };
    const created = await this.#call("create", asked, url, () => node.webhooks.create(webhook));
    if (created === undefined) return;
    this.totals.created++;
    const stored = model.revisionWith(name, url);
    if (stored === undefined) return model.violate(`I9: '${name}' was created, and isn't stored`);
    model.told(node.process, name, 1);
    const [secret] = await model.secretsOf(name, stored);
    if (secret !== created.secret) model.violate(`I9: '${name}' has another secret than was shown`);
  }

  async update(asked: Asked): Promise<void> {
    const { model } = this.#cluster;
    const { node, name } = asked;
    const url = this.#random.chance(0.7) ? this.#urlOf(name) : undefined;
    const changes: WebhookChanges = {
      ...url !== undefined && { url },
      ...this.#random.chance(0.4) && { filter: this.#random.pick(FILTERS) },
      ...this.#random.chance(0.3) && { events: this.#random.pick(EVENTS) },
    };
    const updated = await this.#call("update", asked, url, async () => {
      const isGuarded = this.#random.chance(0.3);
      const { revision } = (isGuarded ? await node.webhooks.get(name) : undefined) ?? {};
      return await node.webhooks.update(name, changes, { revision });
    });
    if (updated === undefined) return;
    this.totals.updated++;
    if (url !== undefined && model.revisionWith(name, url) === undefined) {
      return model.violate(`I9: '${name}' was changed, and that isn't stored`);
    }
    model.told(node.process, name, updated.revision);
  }

  async rotate(asked: Asked): Promise<void> {
    const { model } = this.#cluster;
    const { node, name } = asked;
    const overlap = this.#random.pick([0, 10_000, "24h"]);
    const rotated = await this.#call(
      "rotate",
      asked,
      undefined,
      () => node.webhooks.rotateSecret(name, { overlap }),
    );
    if (rotated === undefined) return;
    this.totals.rotated++;
    const { webhook: { revision }, secret } = rotated;
    const stored = model.webhooks.get(name)?.revisions[revision - 1];
    const [newest] = stored === undefined ? [] : await model.secretsOf(name, stored);
    if (newest !== secret) model.violate(`I9: '${name}' has another secret than was shown`);
    model.told(node.process, name, revision);
  }

  async test(asked: Asked): Promise<void> {
    const { node, name } = asked;
    const attempt = await this.#call(
      "test",
      asked,
      undefined,
      () => node.webhooks.test(name),
    );
    if (attempt !== undefined) this.totals.tested++;
  }

  async delete(asked: Asked): Promise<void> {
    const { model } = this.#cluster;
    const { node, name } = asked;
    const isDeleted = await this.#call("delete", asked, undefined, async () => {
      await node.webhooks.delete(name);
      return true;
    });
    if (isDeleted === undefined) return;
    this.totals.deleted++;
    if (model.webhooks.get(name)?.deletedAt === undefined) {
      return model.violate(`I9: '${name}' was deleted, and is stored`);
    }
    model.told(node.process, name, Infinity);
  }

  /** At the end: what is said not to be stored, isn't. */
  check(): void {
    const { model } = this.#cluster;
    for (const { name, url, since } of this.#refused) {
      const { at = 0 } = model.revisionWith(name, url) ?? {};
      if (at > since) model.violate(`I9: ${url} was refused, and is stored`);
    }
  }

  async #target({ node: { outbox }, name }: Asked, operation: "enable" | "disable"): Promise<void> {
    this.#cluster.simulation.log(() => `${operation} ${name}`);
    await outbox[operation](name).catch((error) => {
      const isKnown = /it was removed|there is no target/.test(error.message);
      if (!isKnown && error.code !== "outbox_unavailable") {
        this.#cluster.model.violate(`${operation} ${name}: ${error}`);
      }
    });
  }

  /** Calls the API of a process; undefined when that refuses or fails, or the process is gone. */
  async #call<T>(
    what: string,
    { node: { process }, name, began }: Asked,
    url: string | undefined,
    call: () => Promise<T>,
  ): Promise<T | undefined> {
    const { model, simulation } = this.#cluster;
    const where = `${process.name}: ${what} '${name}' ${url ?? ""}`;
    simulation.log(() => where);
    try {
      const result = await call();
      if (!process.alive) return undefined;
      simulation.log(() => `${where} is done`);
      return result;
    } catch (error) {
      const { code, stored } = error as { readonly code?: string; readonly stored?: unknown };
      if (!process.alive) return undefined;
      simulation.log(() => `${where}: ${error}`);
      const isRejected = REJECTIONS.includes(code!);
      if (!isRejected && code !== "outbox_unavailable") model.violate(`${where}: ${error}`);
      if (isRejected) this.totals.rejections++;
      if (url !== undefined && (isRejected || stored === false)) {
        const { until } = model.revisionWith(name, url) ?? {};
        // If another change came on top of it before its response arrived, its result is unknown.
        if (until === Infinity) model.violate(`I9: ${where}: ${code}, and it is stored`);
        this.#refused.push({ name, url, since: isRejected ? simulation.now : 0 });
      }
      const isThere = code === "webhook_not_found" &&
        model.isStoredSince(name, began - KNOWN_AFTER);
      if (isThere) model.violate(`I9: ${where}: not found, and it is stored`);
      return undefined;
    }
  }

  /** A URL that no other change has. */
  #urlOf(name: string): string {
    return `https://${name}.example/${++this.#count}`;
  }
}
