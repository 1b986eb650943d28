/** What is replayed. */
export type ReplayFilter = {
  /** Only deliveries to this target. */
  readonly target?: string | undefined;
  /** Dead ones, or delivered ones, which receivers then receive again. @default {"dead"} */
  readonly state?: "dead" | "delivered" | undefined;
  /** Only events of this type: exact, a prefix such as `tool.*`, or `*`. @default {"*"} */
  readonly type?: string | undefined;
  /** Only events made at this time or later. */
  readonly since?: Date | undefined;
  /** Only events made before this time. */
  readonly until?: Date | undefined;
};

/** What is replayed by one call, and how long it may take. */
export type ReplayOptions = ReplayFilter & {
  /** How long it may take, in milliseconds. The cursor says where to continue. */
  readonly timeout: number;
  /** Where an earlier call with the same other options ended. */
  readonly cursor?: string | undefined;
};

/** The result of a replay. */
export type ReplayResult = {
  /** How many are delivered again. */
  readonly replayed: number;
  /**
   * How many could not be: their event is no longer kept, or another call was faster. When the store's
   * response was lost, one that was replayed, and delivered since, may be counted here.
   */
  readonly refused: number;
  /** Where to continue; absent when all were seen. */
  readonly cursor?: string;
};

/** A replay in the background, as every process on the store sees it. */
export type BackgroundReplay = {
  /** Its id, a UUID v7. */
  readonly id: string;
  /** What it replays. */
  readonly filter: ReplayFilter & { readonly state: "dead" | "delivered" };
  /** `running` until everything was seen, or somebody canceled it. */
  readonly status: "running" | "done" | "canceled";
  /** How many deliveries there were to look at; absent until they are counted. */
  readonly total?: number;
  /** How many of them it has looked at: replayed, refused, or of another type. */
  readonly seen: number;
  /** How many are delivered again. */
  readonly replayed: number;
  /** How many could not be: their event is no longer kept, or another call was faster. */
  readonly refused: number;
  /** When it was started. */
  readonly startedAt: Date;
  /** When it was done or canceled. */
  readonly endedAt?: Date;
};

/**
 * Replays in the background. Their progress is in the store: any process shows it, and when the one that
 * replays ends, another continues as soon as it starts or is asked for the replay. They are kept for a week.
 */
export type BackgroundReplays = {
  /**
   * Starts a replay. After a crash, up to a second of it is done again, so receivers may get a few
   * delivered events once more.
   *
   * @throws {TypeError | RangeError} when the filter is wrong
   * @throws {ReplayLimitError} when 20 are running
   */
  start(filter?: ReplayFilter): Promise<BackgroundReplay>;
  /** Returns a replay; undefined if there is none. */
  get(id: string): Promise<BackgroundReplay | undefined>;
  /** Lists replays, newest first. @throws {RangeError} when the limit isn't 1 to 100 */
  list(options?: {
    /** Maximum number of replays. @default {20} */
    readonly limit?: number | undefined;
  }): Promise<readonly BackgroundReplay[]>;
  /** Cancels a replay and returns it; undefined if there is none. What was replayed stays so. */
  cancel(id: string): Promise<BackgroundReplay | undefined>;
};
