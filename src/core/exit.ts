/** The exit statuses: part of the interface that scripts and CI rely on. */
export const EXIT_STATUSES = {
  ok: [0, 'the check holds, or GO'],
  internal: [1, 'a bug, or the process ended before its verdict was out'],
  usage: [2, 'a bad option, setting, artefact or server version'],
  no_go: [20, 'something was measured, and it fails'],
  not_ready: [21, 'nothing failed; something is pending or stale'],
  inconclusive: [22, 'nothing failed; something could not be measured or written'],
  untrusted: [23, 'a bad or unknown signature, or altered evidence'],
  busy: [24, 'another run holds the lock'],
  timeout: [124, '--timeout was reached'],
  interrupted: [130, 'SIGINT'],
  terminated: [143, 'SIGTERM'],
} as const satisfies Readonly<Record<string, readonly [status: number, meaning: string]>>
export type ExitName = keyof typeof EXIT_STATUSES

/** Precedence among several outcomes: the lowest number decides. */
const PRECEDENCE: Readonly<Record<ExitName, number>> = {
  internal: 1,
  untrusted: 2,
  timeout: 3,
  interrupted: 4,
  terminated: 5,
  usage: 6,
  busy: 7,
  no_go: 8,
  inconclusive: 9,
  not_ready: 10,
  ok: 11,
}

/**
 * The outcome that decides among several, by the precedence `internal`, `untrusted`, `timeout`, `interrupted`,
 * `terminated`, `usage`, `busy`, `no_go`, `inconclusive`, `not_ready`, `ok`. At least one is required: the absence of
 * outcomes is not a pass.
 */
export const decideExit = <N extends ExitName>(first: N, ...others: readonly N[]): N =>
  others.reduce(
    (decides, other) => (PRECEDENCE[other] < PRECEDENCE[decides] ? other : decides),
    first,
  )

/** The outcome for each state of an item; a run passes only when every item does. */
export const EXIT_BY_STATE = {
  pass: 'ok',
  waived: 'ok',
  fail: 'no_go',
  inconclusive: 'inconclusive',
  error: 'inconclusive',
  stale: 'not_ready',
  pending: 'not_ready',
} as const satisfies Readonly<Record<string, ExitName>>
