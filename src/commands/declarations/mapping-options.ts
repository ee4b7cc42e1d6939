import { LOG_FORMATS } from '../../core/requests/log-line.ts'
import { list, option, parseChoice, parseText, required, toggle } from './option.ts'
import { DATABASE, REPORT } from './options.ts'

/** The options of a run that reads a file by a mapping. */
const MAPPED = [
  list(
    '--accept-loss <name>',
    'with --mapping: leave behind what its "skipped" gives this name; may be repeated',
    parseText,
  ),
  option('--explain <code>', 'with --mapping: list every place of this refusal alone', parseText),
]

export const IMPORT = [
  ...DATABASE,
  option('--mapping <file>', "read the source as a service's own file by this mapping", parseText),
  ...MAPPED,
  option('--into <target>', 'with --mapping: file:DIR, a new store, not the database', parseText),
  toggle('--dry-run', 'check every row and write none'),
]

export const MAPPING_CHECK = [
  ...REPORT,
  required('--mapping <file>', 'mapping to check the file by', parseText),
  ...MAPPED,
]

export const REQUESTS_CONVERT = [
  required('--log <format>', 'format of the log: common or ndjson', parseChoice(LOG_FORMATS)),
  option('--map <file>', 'where a line holds the parts of a request', parseText),
]
