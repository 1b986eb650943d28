import {
  altered,
  inCommits,
  isKind,
  isSessionDue,
  isSessionEntry,
  type Mutant,
  reading,
  type SetMutation,
  valuesOf,
  without,
  withoutChecks,
} from "./mutant.ts";

const isLog = isKind("delivery", "set");

/** Bugs in how deliveries are moved, replayed, listed and counted. */
export const inOperations: readonly Mutant[] = [
  {
    bug: "replay without a check",
    breaks: "rule 1",
    store: withoutChecks("replay", (key) => key[1] === "dead" || key[1] === "delivery"),
  },
  {
    bug: "replay does not undo the count",
    breaks: "counts",
    store: without("replay", ({ what }) => what === "sum"),
  },
  {
    bug: "replay leaves the delivery dead",
    breaks: "I2",
    store: without("replay", isKind("dead", "delete")),
  },
  {
    bug: "replay does not write where the due key is",
    breaks: "rule 2",
    store: altered("replay", isLog, ({ value: { at: _, ...value } }) => ({ value })),
  },
  {
    bug: "a replayed delivery of a session waits for no other",
    breaks: "I7",
    store: inCommits("replay", ({ checks, mutations }) => ({
      checks: checks.filter(({ key }) => key[1] !== "lane"),
      mutations: mutations.flatMap((one) => {
        const isEntry = one.what === "set" && isSessionEntry(one.key);
        if (!isEntry) return one.key[1] === "lane" || isSessionDue(one.key) ? [] : [one];
        const [prefix, , target] = one.key;
        const { id } = (one as SetMutation).value;
        const at = valuesOf({ checks, mutations }, "delivery")[0]!.value.at;
        const value = { v: 1, until: 0, by: "", claims: 0 };
        return [{ ...one, key: [prefix!, "due", target!, at, id], value }];
      }),
    })),
  },
  {
    bug: "a replayed delivery goes on with its old schedule",
    breaks: "replay",
    target: (target) => {
      let attempt = 1;
      const delay = (_: number, random: number) => target.retry.delay(attempt, random);
      return {
        ...target,
        retry: { ...target.retry, delay },
        async attempt(event, context) {
          const result = await target.attempt(event, context);
          attempt = context.attempt;
          return result;
        },
      };
    },
  },
  {
    bug: "retry moves what is leased",
    breaks: "I3",
    store: () => ({
      async getMany(_, read) {
        return (await read()).map((entry) =>
          entry.key[1] === "due" && entry.value !== null
            ? { ...entry, value: { ...entry.value, until: 0 } }
            : entry
        );
      },
    }),
  },
  { bug: "retry without checks", breaks: "rule 1", store: withoutChecks("retry") },
  {
    bug: "retry does not write where the due key is",
    breaks: "rule 2",
    store: altered("retry", isLog, ({ value }) => ({ value: { ...value, at: value.at - 1 } })),
  },
  {
    bug: "sums come last in a commit",
    breaks: "rule 1",
    store: inCommits(["publish", "settle", "replay"], ({ checks, mutations }) => ({
      checks,
      mutations: [
        ...mutations.filter(({ what }) => what !== "sum"),
        ...mutations.filter(({ what }) => what === "sum"),
      ],
    })),
  },
  {
    bug: "a list's cursor leaves one out",
    breaks: "lists",
    store: () => ({
      async list(list, selector, options) {
        const isNextPage = "start" in selector && "end" in selector &&
          selector.start.length > 4 && selector.start.at(-1) === "";
        const entries = await list(selector, options);
        return isNextPage ? entries.slice(1) : entries;
      },
    }),
  },
  {
    bug: "stats count the dead as pending",
    breaks: "stats",
    store: reading((key) => key[1] === "count" && key[4] === "dead", () => 0n),
  },
];
