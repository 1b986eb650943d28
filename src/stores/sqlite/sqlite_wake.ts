import { setTimer } from "../../internal/async.ts";
import type { StoreWake } from "../../store/mod.ts";
import type { Database } from "./database.ts";

/** How often a listener looks whether another connection has committed, in milliseconds: it takes 5 µs. */
const INTERVAL = 50;

/** Returns the wake-up of a file. A commit is the signal: SQLite counts those of other connections. */
export function sqliteWake(database: Database): StoreWake {
  const statement = database.prepare("PRAGMA data_version");
  const read = (): unknown => {
    try {
      return statement.get()?.["data_version"];
    } catch {
      return undefined; // closed, or what the next read reports
    }
  };
  return {
    signal() {},
    listen(onWake) {
      let version = read();
      let cancel = (): void => {};
      const look = (): void => {
        cancel = setTimer(INTERVAL, look, true);
        const before = version;
        version = read();
        if (version === undefined) cancel();
        else if (version !== before) onWake();
      };
      cancel = setTimer(INTERVAL, look, true);
      return () => cancel();
    },
  };
}
