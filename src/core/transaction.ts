import type { PendingPublication } from "./delivery.ts";
import type { Receipt, TransactionReceipt } from "./emitter.ts";

/**
 * Returns the receipt of an event that was stored in a transaction of the caller. `finish` calls its
 * handlers, once, after the queue has seen the commit.
 */
export function transactionReceipt(
  { receipts, committed }: PendingPublication,
  finish: (receipt: Receipt) => Promise<Receipt>,
): TransactionReceipt {
  const receipt = receipts[0]!;
  let isCommitted = false;
  let done: Promise<Receipt> | undefined;
  const run = async (): Promise<Receipt> => {
    await committed();
    isCommitted = true;
    return receipt.duplicate ? receipt : await finish(receipt);
  };
  return {
    ...receipt,
    committed(): Promise<Receipt> {
      // Before the commit it fails, and can be called again.
      return done ??= run().catch((error) => {
        if (!isCommitted) done = undefined;
        throw error;
      });
    },
  };
}
