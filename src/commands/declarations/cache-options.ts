import { optionOr, parseChoice, parseText, required } from './option.ts'

/** `ff cache tail`. */
export const CACHE_TAIL = [
  optionOr('--format <format>', 'text (the default) or ndjson', {
    parse: parseChoice(['text', 'ndjson']),
    otherwise: 'text',
  }),
]

/** `ff cache invalidate`. */
export const CACHE_INVALIDATE = [
  required('--service <url>', 'URL of one instance of the service; the others follow', parseText),
]
