/**
 * What runs inside a runtime: measures one row and prints what it found as JSON. Each row has a
 * process of its own, so that none is measured on code that another has warmed up or worn out.
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
