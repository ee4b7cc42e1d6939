import { negation, option, optionOr, parseText, toggle } from './option.ts'

export const REHEARSE = [
  optionOr('--dir <folder>', 'new folder for the rehearsal; default ff-rehearsal', {
    parse: parseText,
    otherwise: 'ff-rehearsal',
  }),
  option('--store <target>', 'file:DIR, whose rows are copied; default a sample', parseText),
  option('--mapping <file>', 'with --input: mapping of a file of flags', parseText),
  option('--input <file>', 'with --mapping: file of flags of another service', parseText),
  toggle('--quick', 'measure only what takes seconds; nothing of it is evidence'),
  negation('--no-sign', 'leave out the signatures of both people'),
  toggle('--keep', 'keep the keys, tokens and the store in the folder'),
]
