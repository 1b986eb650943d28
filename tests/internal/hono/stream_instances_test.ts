import assert from "node:assert/strict";
import { makeFolder } from "../../support/folder.ts";
import { test } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { type Instance, startInstance } from "./instances.ts";
import { ResumingReader } from "./readers.ts";

/** Two instances over one file, whose clocks are 3 s apart. */
async function withTwo(
  body: (path: string, instances: [Instance, Instance]) => Promise<void>,
): Promise<void> {
  const { folder, remove } = await makeFolder();
  const path = `${folder}/hooks.db`;
  const instances: [Instance, Instance] = [
    await startInstance(path),
    await startInstance(path, -3000),
  ];
  try {
    await body(path, instances);
  } finally {
    for (const instance of instances) await instance.kill();
    await remove();
  }
}

test("a reader gets every event once across a restart and two instances whose clocks are 3 s apart", () =>
  withTwo(async (path, instances) => {
    const [, late] = instances;
    let port = instances[0].port;
    const reader = new ResumingReader(() => `http://127.0.0.1:${port}/hooks/events/stream`);
    await reader.connected();
    const posted: string[] = [];
    const post = async (instance: Instance, count: number, size = 1) => {
      for (let n = 0; n < count; n++) {
        posted.push(...await instance.post(...Array.from({ length: size }, () => n)));
      }
    };
    const message = () => `${posted.length} posted, ${reader.messages.length} came`;
    const all = () => reader.messages.length >= posted.length;
    try {
      await Promise.all([post(instances[0], 40), post(late, 40), post(instances[0], 10, 10)]);
      await until(all, message);

      await Promise.all([post(instances[0], 5), post(late, 5)]); // some are on their way
      await instances[0].kill();
      await post(late, 20); // without streams
      instances[0] = await startInstance(path, 0, port);
      await Promise.all([post(instances[0], 20), post(late, 20)]);
      await until(all, message);

      port = late.port; // the reader comes to the other one
      const connected = reader.connected();
      await Promise.all([post(late, 10), instances[0].kill()]);
      await connected;
      instances[0] = await startInstance(path);
      await Promise.all([post(instances[0], 10), post(late, 10)]);
      await until(all, message);
      await late.post(0).then((ids) => posted.push(...ids)); // what came twice would come before this
      await until(() => reader.ids.includes(posted.at(-1)!), message);
    } finally {
      await reader.close();
    }
    assert.equal(reader.connections, 3);
    assert.equal(new Set(reader.ids).size, reader.ids.length, "something came twice");
    assert.deepEqual([...reader.ids].sort(), [...posted].sort());
    console.log(
      `${posted.length} events from two instances, 3 connections: none missed, none twice`,
    );
  }));
