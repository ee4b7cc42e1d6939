import {
  option,
  optionOr,
  parseListen,
  parseOffset,
  parseText,
  parseTopicName,
  toggle,
} from './option.ts'
import { DOCUMENT, REPORT, TRAIL } from './options.ts'

/** `ff audit ship`. */
export const AUDIT_SHIP = [
  ...DOCUMENT,
  ...TRAIL,
  toggle('--once', 'end when no pending record may be sent now; the default'),
  toggle('--follow', 'go on until SIGTERM'),
  option(
    '--admin-listen <host:port>',
    'address for liveness and metrics; default none',
    parseListen,
  ),
]

/** `ff audit reconcile`. */
export const AUDIT_RECONCILE = [
  ...REPORT,
  ...TRAIL,
  option('--topic <name>', 'topic; default FF_KAFKA_TOPIC', parseTopicName),
  optionOr('--from <offset>', 'offset to read each partition from, or earliest; default 0', {
    parse: parseOffset,
    otherwise: 0,
  }),
]

/** `ff audit redrive`. */
export const AUDIT_REDRIVE = [
  ...DOCUMENT,
  ...TRAIL,
  option('--target <target>', 'only the records of this target: flag/ff.checkout', parseText),
  toggle('--all', 'the records of every target'),
]
