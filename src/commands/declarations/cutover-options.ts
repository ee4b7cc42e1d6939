import { CUTOVER_PHASES, type CutoverPhase } from '../../core/cutover/phases.ts'
import { FfError } from '../../errors.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { option, optionOr, type ParseOption, parseSeconds, parseText, toggle } from './option.ts'
import { DOCUMENT } from './options.ts'

/** Takes the name of a phase. @throws FfError `option_invalid`, listing the names */
const parsePhase: ParseOption<CutoverPhase> = (given, flag) => {
  const found = CUTOVER_PHASES.find((one) => one === given)
  if (found !== undefined) return found
  throw new FfError('option_invalid', `${flag} must name a phase, not ${quoteValue(given)}.`, {
    hint: `The phases are ${CUTOVER_PHASES.join(', ')}.`,
  })
}

/** Both sides of a cutover. */
export const CUTOVER_STORES = [
  option('--store <target>', 'file store: file:DIR; default file:$FF_STORE_DIR', parseText),
  option('--database <target>', 'database; default env:FF_DATABASE_URL', parseText),
]
const CUTOVER_SIDES = [...DOCUMENT, ...CUTOVER_STORES]

const BOUND = optionOr('--bound <seconds>', 'time limit of each wait; default 30', {
  parse: parseSeconds,
  otherwise: 30,
})
const STOPPED = option(
  '--stopped <text>',
  'how the other side was switched off, where it could still go on',
  parseText,
)

export const CUTOVER_PLAN = CUTOVER_SIDES
export const CUTOVER_STATUS = [
  ...CUTOVER_SIDES,
  toggle('--watch', 'print the status again after each change, until Ctrl-C'),
]
export const CUTOVER_ADVANCE = [
  ...CUTOVER_SIDES,
  BOUND,
  toggle('--one-writer', 'accept a single instance on the host of the file'),
  toggle('--file-lost', 'go on with the database alone; the file side is gone'),
  STOPPED,
]
export const CUTOVER_ROLLBACK = [
  ...CUTOVER_SIDES,
  BOUND,
  optionOr('--to <phase>', 'phase to go back to; default file', {
    parse: parsePhase,
    otherwise: 'file',
  }),
  toggle('--plan', 'print the steps with their commands, and change nothing'),
  toggle('--db-lost', 'go on with the file alone; the database is gone'),
  STOPPED,
]

export const CUTOVER_DRILL = [
  ...CUTOVER_SIDES,
  BOUND,
  toggle('--staging', 'on staging: give the authority to its database, and take it back, twice'),
  option(
    '--seconds <seconds>',
    'of load in each phase, default 2; with --staging when the writer goes back by itself, default 300, at most 900',
    parseSeconds,
  ),
  option(
    '--scratch <target>',
    'local server for the scratch database; default embedded',
    parseText,
  ),
  option('--out <file>', 'write the report with charts, as one HTML file', parseText),
]

export const CUTOVER_RECONCILE = [
  ...CUTOVER_SIDES,
  BOUND,
  toggle('--dry-run', 'list what differs, and change nothing'),
]
