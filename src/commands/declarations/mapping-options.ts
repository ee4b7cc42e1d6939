import { list, option, parseText } from './option.ts'

/** The options of a run that reads a file by a mapping. */
export const MAPPED = [
  list(
    '--accept-loss <name>',
    'with --mapping: leave behind what its "skipped" gives this name; may be repeated',
    parseText,
  ),
  option('--explain <code>', 'with --mapping: list every place of this refusal alone', parseText),
]
