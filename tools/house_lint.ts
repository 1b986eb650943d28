/**
 * Rules of this house for `deno lint`: what would break one of the runtimes, or JSR, though Deno
 * itself takes it. They hold for `mod.ts` and `src/`. Deno 2.9 shows a rule nothing of what follows
 * an empty statement (`;;`); `deno fmt` removes those.
 * @module
 */
const root = decodeURIComponent(new URL("..", import.meta.url).pathname);

/**
 * Names that cost 9 to 24 ms when Deno first evaluates them, and that browsers and workerd may not
 * have.
 */
const hostNames = /^(?:process|Buffer)$/;

type Report = (node: Deno.lint.Node, message: string, instead: string) => void;
type TextOf = (node: Deno.lint.Node) => string;
type Rule = (report: Report, textOf: TextOf) => Deno.lint.LintVisitor;

const rules: Readonly<Record<string, Rule>> = {
  "no-using": (report) => ({
    VariableDeclaration(node) {
      if (/using$/.test(node.kind)) {
        report(
          node,
          "`using` is not lowered by packing, and Node 20 cannot read it",
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
        "A static import of a `node:` module is paid by everyone",
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

  "no-private-keyword": (report, textOf) => {
    // The text decides, because Deno 2.9 leaves the keyword out of a parameter property.
    const check = (node: Deno.lint.Node) => {
      if (/^private\b/.test(textOf(node))) report(node, "`private` is gone at run time", "#name");
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

  "no-global-augmentation": (report) => ({
    TSModuleDeclaration(node) {
      if (node.kind !== "global" && node.id.type !== "Literal") return;
      report(node, "JSR refuses a module that changes the types of others", "a type parameter");
    },
  }),
};

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

function isPackaged(filename: string): boolean {
  return filename === `${root}mod.ts` || filename.startsWith(`${root}src/`);
}

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: Object.fromEntries(
    Object.entries(rules).map(([name, rule]): [string, Deno.lint.Rule] => [name, {
      create(context) {
        if (!isPackaged(context.filename)) return {};
        if (context.filename === `${root}${exempt[name]}`) return {};
        return rule(
          (node, message, instead) =>
            context.report({ node, message, hint: `Use instead: ${instead}` }),
          (node) => context.sourceCode.getText(node),
        );
      },
    }]),
  ),
};

export default plugin;
