// The command `hooks`, for `node hooks.mjs --help`: packages of JSR have no `bin` in npm.
import { main } from "@omniagent/hooks/cli";

await main();
