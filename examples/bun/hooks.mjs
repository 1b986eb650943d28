// The command `hooks`, for `bun hooks.mjs --help`: packages installed from JSR have no `bin`.
import { main } from "@omniagent/hooks/cli";

await main();
