/**
 * What `unreadable_file_test.ts` runs without the permission to read.
 * @module
 */
import { loadConfigFile } from "@omniagent/hooks/config/yaml";

await loadConfigFile("deno.json", { env: {} }).catch(({ message }) => console.log(message));
