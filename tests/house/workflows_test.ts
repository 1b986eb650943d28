import assert from "node:assert/strict";
import { parse } from "yaml";
import { repositoryFields } from "../../tools/pack.ts";
import { config, exists, filesBelow, root } from "../../tools/run.ts";
import { test } from "../support/harness.ts";

type Step = { readonly run?: string; readonly uses?: string };
type Job = {
  readonly steps?: readonly Step[];
  readonly uses?: string;
  readonly needs?: string | string[];
};

test("the workflows and the gate of CI run tasks and files that exist", async () => {
  const texts = [await Deno.readTextFile(`${root}/.ci/run`)];
  for (const path of await filesBelow(".github/workflows")) {
    const { jobs } = parse(await Deno.readTextFile(`${root}/${path}`)) as {
      readonly jobs: Readonly<Record<string, Job>>;
    };
    for (const { steps = [], uses, needs } of Object.values(jobs)) {
      for (const need of [needs ?? []].flat()) assert.ok(need in jobs, `${path}: ${need}`);
      texts.push(uses ?? "", ...steps.map(({ run = "" }) => run));
      const actions = steps.flatMap(({ uses = [] }) => uses);
      for (const action of actions) assert.match(action, /^[\w-]+\/[\w-]+@v\d+$/);
    }
  }
  const all = texts.join("\n").replaceAll(/^\s*#.*$/gm, "");
  const tasks = [...all.matchAll(/deno(?:@2)? task (?:--quiet )?([\w:]+)/g)].map(([, it]) => it!);
  assert.ok(tasks.length > 7);
  for (const task of tasks) assert.ok(task in config.tasks, task);
  const files = [...all.matchAll(/(?<=^|\s)(?:\.\/)?[.\w-]+(?:\/[.\w-]+)+(?=$|\s)/gm)];
  assert.ok(files.length > 3);
  for (const [path] of files) assert.ok(await exists(`${root}/${path}`), path);
});

test("a packed package names its repository, which provenance requires", () => {
  assert.deepEqual(repositoryFields("owner/name"), {
    repository: { type: "git", url: "git+https://github.com/owner/name.git" },
  });
  assert.deepEqual(repositoryFields(undefined), {});
});

test(".ci/run is executable", async () => {
  assert.ok(((await Deno.stat(`${root}/.ci/run`)).mode ?? 0o111) & 0o100);
});
