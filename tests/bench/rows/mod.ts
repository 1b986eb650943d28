/**
 * The table of rows. A new budget is one file that exports its rows, and one line here.
 *
 * @module
 */
import { decideRows } from "./decide.ts";
import { dispatchRows } from "./dispatch.ts";
import { dispatchCopyRows } from "./dispatch_copy.ts";
import { durableDeliveryRows } from "./durable_delivery.ts";
import { durableLoadRows } from "./durable_load.ts";
import { durablePublishRows } from "./durable_publish.ts";
import { durableStoreRows } from "./durable_stores.ts";
import { httpRows } from "./http.ts";
import { httpGateRows } from "./http_gate.ts";
import { importRows } from "./import.ts";
import { inlineDeliveryRows } from "./inline_delivery.ts";
import { kvOperationRows } from "./kv_operations.ts";
import { sizeRows } from "./size.ts";
import { telemetryRows } from "./telemetry.ts";
import { unregisterRows } from "./unregister.ts";
import { waitingRows } from "./backlog.ts";
import { waitingStoreRows } from "./backlog_stores.ts";
import type { Row } from "./row.ts";

/** All rows, in the order of the table. */
export const rows: readonly Row[] = [
  ...dispatchRows,
  ...dispatchCopyRows,
  ...unregisterRows,
  ...decideRows,
  ...telemetryRows,
  ...importRows,
  ...sizeRows,
  ...httpRows,
  ...httpGateRows,
  ...inlineDeliveryRows,
  ...durablePublishRows,
  ...durableDeliveryRows,
  ...durableLoadRows,
  ...durableStoreRows,
  ...kvOperationRows,
  ...waitingRows,
  ...waitingStoreRows,
];
