/**
 * Which seed found a planted bug that the first ones do not find: it is tried first, which saves the others.
 * When the schedules draw otherwise, all are tried, and these may be written anew.
 */
export const MUTANT_SEEDS: Readonly<Record<string, number>> = {
  "the head is stored while its chunks are on their way": 8,
  "publish: a conflict counts as a duplicate": 14,
  "publish: a batch in two commits": 18,
  "claim checks the first key of a window only": 31,
  "an attempt starts however little is left of its lease": 31,
  "a session's record is read after its deliveries": 239,
  "a dead delivery takes its session with it": 40,
  "a session that grew is not settled anew": 14,
  "an attempt does not ask whether its target is off": 6,
  "a record is believed until this process writes it": 18,
  "a purge leaves sessions": 36,
  "an event of the outbox causes another": 47,
  "an event of the outbox is stored without a subscriber and without an event log": 36,
  "replay leaves the delivery dead": 40,
  "a replayed delivery of a session waits for no other": 8,
  "a replayed delivery goes on with its old schedule": 110,
  "retry moves what is leased": 62,
  "retry without checks": 54,
  "retry does not write where the due key is": 13,
};
