import { CUTOVER_STORES } from './cutover-options.ts'
import { list, option, optionOr, parseText, toggle, wholeNumber } from './option.ts'

const STAGING = list(
  '--staging <service,admin>',
  'instance of staging; default $FF_STAGING_URL',
  parseText,
)

/** `ff observe start`. */
export const OBSERVE_START = [
  STAGING,
  option(
    '--database <url>',
    "staging's database, whose connections are counted; default FF_DATABASE_URL",
    parseText,
  ),
]

/** `ff observe watch`. */
export const OBSERVE_WATCH = [
  STAGING,
  ...CUTOVER_STORES,
  toggle('--web', 'serve one live page on 127.0.0.1, and print its address'),
  optionOr('--port <n>', 'port of --web; default a free one', {
    parse: wholeNumber({ most: 65_535 }),
    otherwise: 0,
  }),
]
