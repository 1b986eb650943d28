/**
 * Reads a configuration with the YAML parser of the Deno standard library instead of `./config/yaml`:
 * `parseConfig` takes the result of any parser. Errors then have a path, but no line.
 *
 *     deno add jsr:@std/yaml
 *     deno run -A examples/config_std_yaml.ts
 */
import { parse } from "@std/yaml";
import { createHooks } from "@omniagent/hooks";
import { ConfigError, hooksFromConfig, parseConfig } from "@omniagent/hooks/config";

const text = `
hooks:
  webhooks:
    - name: audit
      events: [tool.*, message.sent]
      url: https://\${AUDIT_HOST:-audit.example.com}/events
      timeout: 5s
`;

/** Parses YAML 1.2: the core schema has no dates and no merge keys. */
function read(text: string): unknown {
  return parse(text, { schema: "core" });
}

const env = (name: string): string | undefined => Deno.env.get(name);
const config = parseConfig(read(text), { env, file: "hooks.yaml" });
const hooks = createHooks({ use: hooksFromConfig(config) });
console.log(hooks.registry.list().map(({ name, events }) => `${name}: ${events.join(", ")}`));
await hooks.close();

try {
  parseConfig(read(text.replace("timeout: 5s", "timeout: 5")), { env, file: "hooks.yaml" });
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.log(error.message);
}
