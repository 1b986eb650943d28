/**
 * Which seed found a planted bug that the first ones do not find: it is tried first, which saves the others.
 * When the schedules draw otherwise, all are tried, and these may be written anew.
 */
export const FOUND_BY: Readonly<Record<string, number>> = {
  "chunks beside the head, not before it": 51,
  "publish: a conflict counts as a duplicate": 36,
  "claim checks the first key of a window only": 13,
  "an attempt starts however little is left of its lease": 67,
  "dead without a dead key": 13,
  "an aborted attempt counts as failed for good": 143,
  "a failed read counts as an event that is gone": 162,
  "a lane's record is read after its deliveries": 509,
  "a dead delivery takes its lane with it": 24,
  "an attempt does not ask whether its target is off": 24,
  "a pause is ignored": 20,
  "what is done by hand is done to a record of long ago": 357,
  "off after enough failures, however soon": 13,
  "a success is not noted": 184,
  "enable brings a removed target back": 66,
  "a purge leaves the dead": 401,
  "a death is not told": 13,
  "a death is told in a commit of its own": 13,
  "failures are written twice, when others come meanwhile": 88,
  "an event of the outbox causes another": 16,
  "replay leaves the delivery dead": 139,
  "a replayed delivery goes on with its old schedule": 40,
  "retry without checks": 101,
  "retry does not write where the due key is": 24,
  "figures count the dead as pending": 13,
};
