import { readFileSync } from 'node:fs'

/** One way to run PostgreSQL, which refuses to run as root and must not outlive this process. */
export interface ServerLauncher {
  readonly name: string
  /** The words before the command. */
  readonly wrap: readonly string[]
  /** The user of the server process; null for this process's own. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
  /** Whether to copy the binaries, because that user may have no access to this project's node_modules. */
  readonly copies: boolean
}

// The kernel sends SIGINT (fast shutdown) when this process dies, kill -9 included.
const DIES_WITH_US = ['setpriv', '--pdeathsig', 'INT', '--']
// A user namespace that maps this user to user 1000: needs no account, and the files keep their owner.
const AS_ANY_OTHER = ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--']

/**
 * Lists the ways to start the server, in the order to try. For an ordinary user it is one, as that user; for root a
 * user namespace, then an account without rights (`postgres` if it exists), with copied binaries.
 *
 * @throws the system's error if root cannot read /etc/passwd
 */
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
