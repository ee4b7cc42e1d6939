import { FfError } from '../../errors.ts'
import type {
  ChangeFeed,
  FeedListener,
  OpenServiceStore,
  ServiceStore,
  SnapshotReader,
} from '../../ports/store.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'
import { isAway } from './guarded-store.ts'

/** Interval at which a store that is away is opened again. */
const RETRY_MS = 1_000

/** An open store, as the service uses it. */
export type Opened = Pick<OpenServiceStore, 'store' | 'feed' | 'snapshots' | 'backlog' | 'close'>

type OpenedDatabase = Required<Opened>

/**
 * Opens a store; where it is away, a `LateStore` in its place, which opens it later.
 *
 * @throws the error of a store that answers, such as `schema_drift`
 */
export async function openOrWait(open: () => Promise<Opened>, log: ServiceLog): Promise<Opened> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof FfError) || !isAway(error)) throw error
    log.warn({ code: error.code }, 'the store is away; starts with the rows that are kept on disk')
    const late = new LateStore(open, error, log)
    const { feed, snapshots, backlog } = late
    return { store: late, feed, snapshots, backlog, close: () => late.close() }
  }
}

/** A store that was away at the start: refuses everything as `target_unreachable` until it is open. */
class LateStore implements ServiceStore {
  readonly kind = 'db'
  private readonly open: () => Promise<Opened>
  private readonly log: ServiceLog
  private opened: OpenedDatabase | null = null
  private error: FfError
  private timer: NodeJS.Timeout | null = null
  private opening: Promise<void> = Promise.resolve()
  private closed = false
  /** Of the follower of the feed; null where there is none. */
  private wake: (() => void) | null = null
  private listener: FeedListener | null = null

  readonly feed: ChangeFeed = {
    rows: (query) => this.ask(({ feed }) => feed.rows(query)),
    changes: (query) => this.ask(({ feed }) => feed.changes(query)),
    listen: (wake) => {
      this.wake = wake
      this.listen()
      return {
        arrives: () => this.listener?.arrives() ?? false,
        close: async () => {
          this.wake = null
          await this.listener?.close()
        },
      }
    },
  }

  readonly snapshots: SnapshotReader = {
    readAt: (query) => this.ask(({ snapshots }) => snapshots.readAt(query)),
  }

  readonly backlog: OpenedDatabase['backlog'] = () => this.ask(({ backlog }) => backlog())

  constructor(open: () => Promise<Opened>, error: FfError, log: ServiceLog) {
    this.open = open
    this.error = error
    this.log = log
    this.schedule()
  }

  read: ServiceStore['read'] = (query) => this.ask(({ store }) => store.read(query))
  readMany: ServiceStore['readMany'] = (query) => this.ask(({ store }) => store.readMany(query))
  page: ServiceStore['page'] = (query) => this.ask(({ store }) => store.page(query))
  overrides: ServiceStore['overrides'] = (query) => this.ask(({ store }) => store.overrides(query))
  audit: ServiceStore['audit'] = (query) => this.ask(({ store }) => store.audit(query))
  revision: ServiceStore['revision'] = (query) => this.ask(({ store }) => store.revision(query))
  write: ServiceStore['write'] = (request) => this.ask(({ store }) => store.write(request))
  refuse: ServiceStore['refuse'] = (refused) => this.ask(({ store }) => store.refuse(refused))
  announce: ServiceStore['announce'] = (one) => this.ask(({ store }) => store.announce(one))
  auditHead: ServiceStore['auditHead'] = () => this.ask(({ store }) => store.auditHead())
  requireWritable: ServiceStore['requireWritable'] = () =>
    this.ask(({ store }) => store.requireWritable())

  async close(): Promise<void> {
    this.closed = true
    if (this.timer !== null) clearTimeout(this.timer)
    await this.opening
    await this.opened?.close()
  }

  private ask<T>(use: (opened: OpenedDatabase) => Promise<T>): Promise<T> {
    return this.opened === null ? Promise.reject(this.error) : use(this.opened)
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      this.opening = this.retry()
    }, RETRY_MS).unref()
  }

  private async retry(): Promise<void> {
    try {
      this.opened = requireDatabase(await this.open())
      this.listen()
      this.log.info({}, 'opened the store')
    } catch (error) {
      this.noteError(error)
      if (!this.closed) this.schedule()
    }
  }

  private listen(): void {
    if (this.wake !== null) this.listener ??= this.opened?.feed.listen(this.wake) ?? null
  }

  /** A store that answers and does not fit, such as one of another schema, decides nothing: its code is logged. */
  private noteError(error: unknown): void {
    const code = error instanceof FfError ? error.code : 'internal'
    if (isAway(error)) this.error = error as FfError
    else {
      this.log.error({ code }, 'cannot serve the store')
      this.error = makeUnfitError(code, error)
    }
  }
}

/** Only a database is waited for. Without its feed an instance would take it for one without rows. */
function requireDatabase({ feed, snapshots, backlog, ...opened }: Opened): OpenedDatabase {
  if (feed === undefined || snapshots === undefined || backlog === undefined)
    throw new Error('the store has no feed')
  return { ...opened, feed, snapshots, backlog }
}
/** A code that no copy of the rows stands in for. */
const makeUnfitError = (code: string, cause: unknown): FfError =>
  new FfError('rights_missing', `The store answers and cannot be served (${code}).`, {
    hint: 'Read what the log says, and start the service again.',
    cause,
  })
