import { readFileSync } from 'node:fs'

/** One way of running a server that refuses to run as root and must not outlive us (page 9). */
export interface ServerLauncher {
  readonly name: string
  /** Put before the command. */
  readonly wrap: readonly string[]
  /** Whom the process runs as; null for ourselves. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
  /** Whether that user may not reach our own node_modules, so that the binaries go along. */
  readonly copies: boolean
}

// The kernel sends the signal when we are gone, however we went.
const DIES_WITH_US = ['setpriv', '--pdeathsig', 'INT', '--']
// A user namespace in which we are user 1000: no user is made, and the files stay ours.
const AS_ANY_OTHER = ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--']

/** The ways to try, in order. An ordinary user needs only the second half of the first. */
export function findLaunchers(): readonly ServerLauncher[] {
  if (process.getuid?.() !== 0)
    return [{ name: 'user', wrap: DIES_WITH_US, owner: null, copies: false }]
  const owner = findAccount('postgres') ?? findAccount('nobody') ?? { uid: 65_534, gid: 65_534 }
  return [
    { name: 'namespace', wrap: [...AS_ANY_OTHER, ...DIES_WITH_US], owner: null, copies: false },
    { name: 'account', wrap: DIES_WITH_US, owner, copies: true },
  ]
}

function findAccount(name: string): { uid: number; gid: number } | null {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) }
}
