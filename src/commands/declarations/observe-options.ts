import { list, option, parseText } from './option.ts'

/** `ff observe start`. */
export const OBSERVE_START = [
  list('--staging <service,admin>', 'instance of staging; default $FF_STAGING_URL', parseText),
  option(
    '--database <url>',
    "staging's database, whose connections are counted; default FF_DATABASE_URL",
    parseText,
  ),
]
