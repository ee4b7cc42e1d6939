import { option, parseListen, toggle } from './option.ts'

/** The options of `ff serve`. */
export const SERVING = [
  option('--listen <host:port>', 'address of the service; default FF_LISTEN', parseListen),
  option(
    '--admin-listen <host:port>',
    'separate address for health and metrics; default FF_ADMIN_LISTEN',
    parseListen,
  ),
  toggle('--harness', 'serve scratch state set by proofs; never for real callers'),
]
