/**
 * Rules for `deno lint`: code that breaks a runtime or JSR although Deno accepts it, and the layout of the
 * repository. Most apply to `mod.ts` and `src/` only. Deno 2.9 hides from rules what follows an empty
 * statement (`;;`); `deno fmt` removes those.
 * @module
 */
const root = decodeURIComponent(new URL("..", import.meta.url).pathname);

/**
 * Names that cost 9 to 24 ms when Deno first evaluates them, and that browsers and workerd may not
 * have.
 */
const hostNames = /^(?:process|Buffer)$/;

/** Functions that Deno and Bun have, but not Node 20. */
const newerNames = new Set([
  "Promise.try",
  "Promise.withResolvers",
  "Array.fromAsync",
  "Object.groupBy",
  "Map.groupBy",
  "Iterator.from",
  "RegExp.escape",
  "Error.isError",
  "Math.sumPrecise",
]);

/** Longest file of `src/`, in lines. Aim for 300: a longer file usually has two topics. */
const MAX_LINES = 320;

/** Words of unfinished work, written so that this file doesn't contain them. */
const unfinished = new RegExp(
  `\\b(?:${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`,
);

/**
 * Words that the field doesn't use, each with what it says instead. Plain words such as "fault" or "stand" are
 * left out, because they are right elsewhere. A person's answer to an ask has the singular.
 */
export const privateWords: Readonly<Record<string, string>> = {
  "hears?|heard": "receives, is called",
  "answers|answered|answering": "responds, returns; a response, a result",
  "lanes": "sessions, ordering",
  "born": "created, stored",
  "patience": "timeout",
  "whoever|somebody": "anyone, the caller",
  "strangers?": "untrusted, unknown sender",
  "mends?|mended": "fix",
  "refusals?": "rejection, error, issue",
  "compiled hooks?": "hook",
};

/** Folders of tests that may import the sources by path: they test what no entry exports. */
const testsOfSources = /^tests\/(?:internal|house|bench|sim|support)\//;

/** Folders of tests that never run on Node 20. */
const NEWER_ONLY =
  /^tests\/(?:adapters|bench|browser|command|consumer|house|internal|runtime|sim|soak|sqlite|workerd)\//;

type Report = (
  where: Pick<Deno.lint.Node, "range">,
  message: string,
  instead: string,
) => void;
/** `path` is from the root. */
type Rule = (
  report: Report,
  source: Deno.lint.SourceCode,
  path: string,
) => Deno.lint.LintVisitor;

const rules: Readonly<Record<string, Rule>> = {
  "no-using": (report) => ({
    VariableDeclaration(node) {
      if (/using$/.test(node.kind)) {
        report(
          node,
          "`using` isn't lowered by packing, and Node 20 can't parse it",
          "try … finally",
        );
      }
    },
  }),

  "no-import-attributes": (report) => {
    const reason = "Node 20 cannot import text, and JSON only with a flag";
    const instead = "a TypeScript module that exports the value";
    const check = (node: Deno.lint.Node & { readonly attributes: readonly unknown[] }) => {
      if (node.attributes.length > 0) report(node, reason, instead);
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression(node) {
        if (node.options) report(node, reason, instead);
      },
    };
  },

  "no-host-modules": (report) => {
    const check = (node: Deno.lint.Node & { readonly source: Deno.lint.Node | null }) => {
      if (node.source?.type !== "Literal" || !String(node.source.value).startsWith("node:")) return;
      report(
        node,
        "A static import of a `node:` module slows every program down",
        "import it in the function that needs it",
      );
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check };
  },

  "no-host-globals": (report) => ({
    Identifier(node) {
      if (!hostNames.test(node.name) || isLabel(node) || isInsideFunction(node)) return;
      report(
        node,
        `\`${node.name}\` is named while the module loads`,
        "name it in the function that needs it",
      );
    },
  }),

  "no-private-keyword": (report, source) => {
    // The text decides, because Deno 2.9 leaves the keyword out of a parameter property.
    const check = (node: Deno.lint.Node) => {
      if (/^private\b/.test(source.getText(node))) {
        report(node, "`private` doesn't exist at run time", "#name");
      }
    };
    return { PropertyDefinition: check, MethodDefinition: check, TSParameterProperty: check };
  },

  "no-bare-timers": (report) => {
    const reason = "A timer of more than 2^31 - 1 ms fires at once";
    const instead = "setTimer(), setRepeatingTimer() or delay() of internal/async.ts";
    return {
      Identifier(node) {
        if (/^set(?:Timeout|Interval)$/.test(node.name) && !isType(node)) {
          report(node, reason, instead);
        }
      },
      MemberExpression({ object, property }) {
        const isTimeout = property.type === "Identifier" && property.name === "timeout";
        if (object.type === "Identifier" && object.name === "AbortSignal" && isTimeout) {
          report(property, reason, instead);
        }
      },
    };
  },

  "no-comma-expression": (report) => ({
    SequenceExpression(node) {
      report(node, "Two statements are on one line, joined by a comma", "two statements");
    },
  }),

  "no-literal-spread": (report) => ({
    SpreadElement(node) {
      const { argument, parent } = node;
      const isSpread = (argument.type === "ArrayExpression" && parent.type === "ArrayExpression") ||
        (argument.type === "ObjectExpression" && parent.type === "ObjectExpression");
      if (isSpread) report(node, "A literal is spread into another one", "its elements");
    },
  }),

  "no-global-augmentation": (report) => ({
    TSModuleDeclaration(node) {
      if (node.kind !== "global" && node.id.type !== "Literal") return;
      report(node, "JSR rejects a module that changes global types", "a type parameter");
    },
  }),
};

/** Rules that don't apply to the package alone, each with the files that it applies to. */
const otherRules: Readonly<
  Record<string, { readonly appliesTo: (path: string) => boolean; readonly rule: Rule }>
> = {
  "max-lines": {
    appliesTo: isPackaged,
    rule: (report, source) => ({
      Program(node) {
        const lines = source.text.split("\n").length - 1;
        if (lines <= MAX_LINES) return;
        report(node, `The file has ${lines} lines of at most ${MAX_LINES}`, "one file per thought");
      },
    }),
  },

  "file-name": {
    appliesTo: isPackaged,
    rule: (report, _, path) => ({
      Program(node) {
        if (/^(?:mod\.ts|src\/(?:[a-z0-9_-]+\/)+_?[a-z0-9]+(?:_[a-z0-9]+)*\.tsx?)$/.test(path)) {
          return;
        }
        report(node, "The name of the file is not in snake_case", "lowercase_with_underscores.ts");
      },
    }),
  },

  "no-unfinished-comment": {
    appliesTo: () => true,
    rule: (report, source) => ({
      Program() {
        for (const comment of source.getAllComments()) {
          if (!unfinished.test(comment.value)) continue;
          report(comment, "A comment marks unfinished work", "finish it, or open an issue");
        }
      },
    }),
  },

  "no-private-words": {
    appliesTo: (path) => path !== "tools/house_lint.ts",
    rule: (report, source) => ({
      Program() {
        for (const [words, instead] of wordPatterns) {
          for (const { 0: word, index } of source.text.matchAll(words)) {
            const range: [number, number] = [index, index + word.length];
            report({ range }, `"${word}" is a word of our own`, instead);
          }
        }
      },
    }),
  },

  "no-newer-api": {
    appliesTo: (path) => isPackaged(path) || (path.startsWith("tests/") && !NEWER_ONLY.test(path)),
    rule: (report) => ({
      MemberExpression({ object, property }) {
        if (object.type !== "Identifier" || property.type !== "Identifier") return;
        if (!newerNames.has(`${object.name}.${property.name}`)) return;
        report(property, "Node 20 doesn't have it", "what Node 20 has");
      },
    }),
  },

  "import-by-name": {
    appliesTo: (path) => /^(?:tests|examples)\//.test(path) && !testsOfSources.test(path),
    rule: (report) => {
      const check = (node: Deno.lint.Node & { readonly source: Deno.lint.Node | null }) => {
        if (node.source?.type !== "Literal") return;
        if (!/^(?:\.\.?\/)+(?:src\/|mod\.ts)/.test(String(node.source.value))) return;
        report(node, "Tests and examples import the package as users do", "@omniagent/hooks/…");
      };
      return {
        ImportDeclaration: check,
        ExportNamedDeclaration: check,
        ExportAllDeclaration: check,
        ImportExpression: check,
      };
    },
  },
};

/** Finds words in text and within identifiers: `isHeard`, `HEARD`. */
const wordPatterns = Object.entries(privateWords).map(([words, instead]) => {
  const capital = words.replace(/(?<=^|\|)\w/g, (letter) => letter.toUpperCase());
  const forms = [
    `(?<![A-Za-z])(?:${words})(?![a-z])`,
    `(?<![A-Z])(?:${capital})(?![a-z])`,
    `(?<![A-Z])(?:${words.toUpperCase()})(?![A-Z])`,
  ];
  return [new RegExp(forms.join("|"), "g"), instead] as const;
});

/** The one file that may break a rule, by rule. */
const exempt: Readonly<Record<string, string>> = { "no-bare-timers": "src/internal/clock.ts" };

/** Whether an identifier is named in a type alone: `typeof setTimeout`. */
function isType(node: Deno.lint.Identifier): boolean {
  return node.parent.type === "TSTypeQuery";
}

/** Whether an identifier is a name of something else: `x.process`, `{ process: 1 }`. */
function isLabel(node: Deno.lint.Identifier): boolean {
  const parent = node.parent;
  if (parent.type === "MemberExpression") {
    const ofGlobal = parent.object.type === "Identifier" && parent.object.name === "globalThis";
    return parent.property === node && !parent.computed && !ofGlobal;
  }
  // The name of a shorthand property is visited twice, as its key and as its value; the value
  // counts.
  return "key" in parent && parent.key === node && !("computed" in parent && parent.computed);
}

function isInsideFunction(node: Deno.lint.Node): boolean {
  for (let at: Deno.lint.Node | null = node; at && at.type !== "Program"; at = parentOf(at)) {
    if (/Function/.test(at.type)) return true;
  }
  return false;
}

function parentOf(node: Deno.lint.Node): Deno.lint.Node | null {
  return "parent" in node ? node.parent as Deno.lint.Node | null : null;
}

/** Whether a path, from the root, is a part of the package. */
function isPackaged(path: string): boolean {
  return path === "mod.ts" || path.startsWith("src/");
}

function toLintRule(
  name: string,
  appliesTo: (path: string) => boolean,
  rule: Rule,
): Deno.lint.Rule {
  return {
    create(context) {
      if (!context.filename.startsWith(root)) return {};
      const path = context.filename.slice(root.length);
      if (!appliesTo(path) || path === exempt[name]) return {};
      const report: Report = (where, message, instead) => {
        context.report({ range: where.range, message, hint: `Use instead: ${instead}` });
      };
      return rule(report, context.sourceCode, path);
    },
  };
}

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: Object.fromEntries([
    ...Object.entries(rules).map(([name, rule]) => [name, toLintRule(name, isPackaged, rule)]),
    ...Object.entries(otherRules).map(([name, { appliesTo, rule }]) => [
      name,
      toLintRule(name, appliesTo, rule),
    ]),
  ]),
};

export default plugin;
