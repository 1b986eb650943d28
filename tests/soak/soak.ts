/**
 * The soak: a process that publishes and delivers is killed again and again, and in the end every
 * receiver has every accepted event.
 * @module
 */
import { until } from "../support/until.ts";
import { AgentProcess, type Said } from "./agent_process.ts";
import { keyOf, numbersFrom } from "./events.ts";
import { leasesIn } from "./leases.ts";
import { CHARACTERS, Receivers } from "./receivers.ts";
import { pause } from "./wait.ts";

/** How much is done. */
type SoakOptions = {
  /** Events that are accepted. */
  readonly events: number;
  /** How often the process is killed. */
  readonly kills: number;
  /** How long the receiver that is down for a while is down, in milliseconds. */
  readonly downFor: number;
  /** How long everything takes at most, in milliseconds. */
  readonly limit: number;
  /** Is called after each kill. */
  readonly onKill?: (kill: Kill) => void;
  /** A server that fails, too. */
  readonly server?: UnreliableServer | undefined;
};

/** A database server that does what servers do. */
type UnreliableServer = {
  /** Crashes, and starts again: once, in the middle. */
  crash(): Promise<void>;
  /** Ends some connections: now and then. */
  endConnections(): Promise<void>;
};

/** How often connections are ended, in milliseconds: so long on average. */
const ENDED_EVERY = 700;

/** A SIGKILL. */
export type Kill = {
  readonly run: number;
  readonly accepted: number;
  /** Requests that the process had last said to be under way. */
  readonly inFlight: number;
  /** Deliveries, by target and event, that it had leased when it died. */
  readonly leases: ReadonlySet<string>;
};

/** What came of it. */
export type SoakReport = {
  readonly kills: readonly Kill[];
  readonly accepted: ReadonlySet<string>;
  readonly receivers: Receivers;
  readonly unconfirmed: number;
  readonly callers: Callers;
  readonly log: readonly string[];
  /** Why it failed; empty: it did not. */
  readonly faults: readonly string[];
};

/** Who emitted, and did not learn what became of it. */
type Callers = {
  /** Killed before the response, without a key to repeat the request: whether it was stored is unknown. */
  readonly unknown: number;
  /** Asked again, under the same idempotency key, in the next process. */
  readonly killed: number;
  /** Sent again in the same process, because the response was not awaited, or was lost. */
  readonly alive: number;
  /** How many of these two learned that the first call had stored it. */
  readonly duplicates: number;
};

/** The durable hook. */
const HOOK = "hook";
/** A process is killed only when so many requests are under way. */
const ENOUGH_IN_FLIGHT = 4;

/** Runs it on a database file that is not there yet. */
export async function soak(path: string, options: SoakOptions): Promise<SoakReport> {
  const receivers = new Receivers(CHARACTERS, HOOK);
  try {
    return await new Soak(path, options, receivers).run();
  } finally {
    await receivers.close();
  }
}

class Soak {
  readonly #path: string;
  readonly #options: SoakOptions;
  readonly #receivers: Receivers;
  readonly #deadline: number;
  readonly #ended: AgentProcess[] = [];
  readonly #kills: Kill[] = [];
  readonly #seenLeases = new Set<string>();
  readonly #faults: string[] = [];
  #repeated = 0;
  #agent!: AgentProcess;
  #down: Promise<void> | undefined;

  constructor(path: string, options: SoakOptions, receivers: Receivers) {
    this.#path = path;
    this.#options = options;
    this.#receivers = receivers;
    this.#deadline = performance.now() + options.limit;
  }

  async run(): Promise<SoakReport> {
    const { kills, server } = this.#options;
    const over = new AbortController();
    const ending = server && this.#endConnections(server, over.signal);
    try {
      for (let n = 1; n <= kills; n++) {
        this.#start();
        await this.#wait(`kill ${n}`, () => this.#mayKill(n));
        if (n === Math.ceil(kills / 5)) this.#down ??= this.#rest();
        if (n === Math.ceil(kills / 2)) await server?.crash();
        await this.#kill();
      }
      this.#start();
      await this.#wait("all events", () => this.#unsent().length + this.#toRepeat().length === 0);
      await this.#wait("all deliveries", () => this.#receivers.gotAll(this.#accepted()));
      await this.#wait("all settles", async () => (await leasesIn(this.#path)).live === 0);
      this.#agent.signal("SIGTERM");
      const { code } = await this.#agent.ended();
      if (code !== 0) this.#faults.push(`the last process ended with code ${code}`);
    } catch (error) {
      this.#faults.push(String(error));
    } finally {
      over.abort();
      await this.#agent.kill();
      await this.#down;
      await ending;
    }
    return await this.#report();
  }

  async #endConnections(server: UnreliableServer, signal: AbortSignal): Promise<void> {
    while (await pause(2 * ENDED_EVERY * Math.random(), signal)) {
      await server.endConnections().catch(() => {}); // while it is down, there are none
    }
  }

  #start(): void {
    const again = this.#toRepeat();
    this.#repeated += again.length;
    this.#agent = new AgentProcess(this.#receivers, {
      path: this.#path,
      hook: HOOK,
      run: this.#ended.length + 1,
      numbers: [...again, ...this.#unsent()],
    });
    this.#ended.push(this.#agent);
  }

  /** What no agent has started to emit. */
  #unsent(): readonly number[] {
    const sent = this.#union(({ sent }) => sent);
    return numbersFrom(1, this.#options.events).filter((number) => !sent.has(number));
  }

  /** Sent without a response. */
  #unconfirmed(): readonly number[] {
    const accepted = this.#union(({ accepted }) => new Set(accepted.keys()));
    return [...this.#union(({ sent }) => sent)].filter((number) => !accepted.has(number));
  }

  /** What a caller can ask for again, and may. */
  #toRepeat(): readonly number[] {
    return this.#unconfirmed().filter((number) => keyOf(number) !== undefined);
  }

  #union(numbers: (said: Said) => ReadonlySet<number>): Set<number> {
    return this.#ended.reduce((all, { said }) => all.union(numbers(said)), new Set<number>());
  }

  /** Kills are spread over what is published and what is delivered. */
  #mayKill(n: number): boolean {
    const { events, kills } = this.#options;
    const delivered = this.#receivers.taken.size / this.#receivers.targets.length;
    const done = (this.#accepted().size + delivered) / (2 * events);
    return done >= n / (kills + 2) && this.#agent.said.inFlight >= ENOUGH_IN_FLIGHT;
  }

  async #kill(): Promise<void> {
    const agent = this.#agent;
    const { inFlight } = agent.said;
    await agent.kill();
    const { leased } = await leasesIn(this.#path);
    // Those of earlier processes are stored until they end.
    const own = [...leased].filter(([, by]) => !this.#seenLeases.has(by));
    for (const [, by] of own) this.#seenLeases.add(by);
    const leases = new Set(own.map(([key]) => key));
    const kill = { run: agent.run, accepted: this.#accepted().size, inFlight, leases };
    this.#kills.push(kill);
    this.#options.onKill?.(kill);
    if (leases.size === 0) this.#faults.push(`kill ${agent.run} met no lease`);
  }

  /** One receiver is down for a while. */
  async #rest(): Promise<void> {
    await this.#receivers.stop("down");
    await new Promise((resolve) => setTimeout(resolve, this.#options.downFor));
    this.#receivers.start("down");
  }

  #accepted(): Set<string> {
    return this.#ended.reduce((all, agent) => all.union(agent.accepted), new Set<string>());
  }

  #wait(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    return until(condition, what, { limit: this.#deadline - performance.now() });
  }

  async #report(): Promise<SoakReport> {
    const receivers = this.#receivers;
    const accepted = this.#accepted();
    const sum = (count: (said: Said) => number): number =>
      this.#ended.reduce((total, { said }) => total + count(said), 0);
    const unconfirmed = sum((said) => said.unconfirmed);
    const callers: Callers = {
      unknown: this.#unconfirmed().length,
      killed: this.#repeated,
      alive: sum((said) => said.askedAgain),
      duplicates: sum((said) => said.duplicates),
    };
    const { dead } = await leasesIn(this.#path);
    const faults = [
      ...this.#faults,
      ...receivers.faults,
      ...receivers.targets.flatMap((target) =>
        receivers.missing(target, accepted).map((id) => `${target} did not get ${id}`)
      ),
      ...this.#ended.flatMap(({ said }) => said.refused),
      ...(dead > 0 ? [`${dead} deliveries are dead`] : []),
      ...beyondBound(receivers, this.#kills, unconfirmed),
    ];
    const log = this.#ended.flatMap(({ said }) => said.log);
    return { kills: this.#kills, accepted, receivers, unconfirmed, callers, log, faults };
  }
}

/**
 * What was delivered again though I5 gives no reason: a crash explains one more of each delivery that
 * was leased then, a request without a response one more.
 */
function beyondBound(
  receivers: Receivers,
  kills: readonly Kill[],
  unconfirmed: number,
): readonly string[] {
  const leases = new Map(kills.map(({ run, leases }) => [run, leases]));
  const unexplained: string[] = [];
  for (const [key, runs] of receivers.taken) {
    for (let n = 1; n < runs.length; n++) {
      const before = runs[n - 1]!;
      const crashed = runs[n] !== before && leases.get(before)?.has(key);
      if (!crashed) unexplained.push(`${key} was taken in runs ${runs}: no crash explains it`);
    }
  }
  return unexplained.length > unconfirmed ? unexplained : [];
}
