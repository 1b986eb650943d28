/**
 * Runs inside a runtime: measures one row and prints the result as JSON. Each row has its own process, so
 * that no row runs on code that another one optimized or deoptimized.
 *
 * @module
 */
import process from "node:process";
import { rows } from "./rows/mod.ts";

const [name, against, address = ""] = process.argv.slice(2);
const row = rows.find((row) => row.name === name && row.against === against);
if (row === undefined || !("inside" in row)) throw new Error(`No such row: ${name} ${against}`);

const measurement = await row.inside(address);
process.stdout.write(JSON.stringify(measurement));
