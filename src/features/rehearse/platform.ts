import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { closeAfter, type KeepOpen } from '../../concurrency/open-all.ts'
import { REHEARSAL } from '../../core/auth/environment.ts'
import type { Approval } from '../../core/evaluate/approvals.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { ScratchDatabase } from '../../ports/database.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import type { ProbeContext } from '../probes/framework/probe.ts'
import { SENSITIVE_PROBE_FLAG } from '../probes/testbed/called-events.ts'
import { openIssuer } from '../probes/testbed/issuer.ts'
import { PRIVATE, type RehearsalParts, RESTORE_TARGET } from './steps.ts'

/** What a service runs on, all of it private and on loopback. */
export interface RehearsalPlatform {
  readonly database: ScratchDatabase
  /** Settings of each command and each instance. */
  readonly env: Readonly<Record<string, string>>
  readonly parts: RehearsalParts
  /** A line for each part. */
  readonly told: readonly string[]
}

/** The lease in seconds: short, so that a change of phase is. */
const LEASE_S = 2
const CODE = 'rehearsal'
/** Longer than any rehearsal. */
const TOKEN_S = 6 * 3_600
const CALLERS = 3
const toClaims = (at: number) => ({ sub: `caller-${at}`, tid: `T-rehearsal-${at}` })
const APPROVAL = 'APP-1-rehearsal'
const DAY_MS = 86_400_000
const SCOPES =
  'ff:registry:read ff:registry:write ff:override:write ff:tenant:any ff:operator ff:evaluate:any ff:audit:read ff:approval:notify'

/**
 * Lends a PostgreSQL, a key server, an Admin, and a Redis and a Kafka broker where this machine has their programs; ends
 * all of them afterwards. Keys and tokens lie in the private folder of `context.cwd`.
 *
 * @throws FfError `embedded_unavailable`, and the errors of the parts
 */
export async function withPlatform<T>(
  context: ProbeContext,
  use: (platform: RehearsalPlatform) => Promise<T>,
): Promise<T> {
  const { adapters, signal, targets, root } = context
  const { versions } = await loadPersistence(root)
  return adapters.withScratchDatabase(targets.scratch, versions, (database) =>
    closeAfter(async (keep) => {
      const redis = await openIfHere(() => keep(adapters.openScratchRedis(signal)))
      const restorable = await openIfHere(() => keep(adapters.openInstalledPostgres(versions)))
      const broker = await openIfHere(() => keep(adapters.openScratchBroker(signal)))
      const callers = await openCallers(context, keep)
      const admin = await keep(adapters.openAdminServer([approveFirst(context)]))
      const url = database.target.kind === 'postgres' ? database.target.url : ''
      const env = {
        FF_ENV: REHEARSAL,
        FF_BACKING: 'managed',
        FF_CODE_VERSION: CODE,
        FF_STORE_DIR: join(context.cwd, PRIVATE, 'store'),
        FF_DATABASE_URL: url,
        FF_CUTOVER_LEASE: String(LEASE_S),
        FF_ADMIN_URL: admin.url.href,
        FF_STAGING_APPROVAL: APPROVAL,
        FF_ADMIN_TOKEN_FILE: await writePrivate(context, 'admin.token', admin.token),
        FF_AUDIT_DIGEST_KEY_FILE: await writePrivate(context, 'digest.key', randomBytes(32)),
        FF_CACHE_KEY_FILE: await writePrivate(context, 'cache.key', randomBytes(32)),
        ...callers,
        ...(restorable.opened === null ? {} : { [RESTORE_TARGET]: restorable.opened.url }),
        ...(redis.opened === null ? {} : { FF_REDIS_URL: redis.opened.url }),
        ...(broker.opened === null ? {} : { FF_KAFKA_BROKERS: broker.opened.brokers }),
      }
      return use({
        database,
        env,
        parts: {
          broker: broker.opened !== null,
          redis: redis.opened !== null,
          restore: restorable.opened !== null,
        },
        told: [
          `PostgreSQL ${database.server}, a key server and an Admin`,
          redis.opened === null
            ? `no Redis, so D4 stays open: ${redis.why}`
            : `Redis ${redis.opened.version}`,
          restorable.opened === null
            ? `no PostgreSQL to dump, so I3 stays open: ${restorable.why}`
            : `PostgreSQL ${restorable.opened.version} with its pg_dump for I3`,
          broker.opened === null ? `no Kafka broker: ${broker.why}` : 'a Kafka broker',
        ],
      })
    }),
  )
}

/** A valid approval of the first caller. */
const approveFirst = ({ now }: ProbeContext): Approval => ({
  approval_ref: APPROVAL,
  flag_key: SENSITIVE_PROBE_FLAG,
  tenant_id: toClaims(0).tid,
  user_id: toClaims(0).sub,
  not_before: instantFromMs(now().getTime() - DAY_MS),
  expires_at: instantFromMs(now().getTime() + 30 * DAY_MS),
  revoked: false,
})

type Opened<T> = { readonly opened: T } | { readonly opened: null; readonly why: string }
/** Opens a part that a rehearsal can do without where its program is not there. */
async function openIfHere<T extends object>(open: () => Promise<T>): Promise<Opened<T>> {
  try {
    return { opened: await open() }
  } catch (error) {
    if (!(error instanceof FfError) || error.code !== 'command_unanswered') throw error
    return { opened: null, why: error.hint }
  }
}

/** Starts the key server, and writes the tokens of callers of two tenants. */
async function openCallers(
  context: ProbeContext,
  keep: KeepOpen,
): Promise<Readonly<Record<string, string>>> {
  const { keys, toCaller } = await keep(openIssuer(context), ({ server }) => server.close())
  const exp = Math.floor(context.now().getTime() / 1_000) + TOKEN_S
  const tokens = Array.from({ length: CALLERS }, (_, at) => {
    const claims = { ...toClaims(at), scope: SCOPES, exp }
    return toCaller(claims)['authorization']?.replace('Bearer ', '') ?? ''
  })
  return {
    ...keys,
    FF_STAGING_TOKEN_FILE: await writePrivate(context, 'tokens', `${tokens.join('\n')}\n`),
  }
}

/** Writes a file that this user alone may read. @returns its path */
async function writePrivate(
  { cwd }: ProbeContext,
  name: string,
  content: string | Uint8Array,
): Promise<string> {
  const path = join(cwd, PRIVATE, name)
  await writeFile(path, content, { mode: 0o600 })
  return path
}
