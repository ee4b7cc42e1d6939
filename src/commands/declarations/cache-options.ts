import { optionOr, parseChoice } from './option.ts'

/** `ff cache tail`. */
export const CACHE_TAIL = [
  optionOr('--format <format>', 'text (the default) or ndjson', {
    parse: parseChoice(['text', 'ndjson']),
    otherwise: 'text',
  }),
]
