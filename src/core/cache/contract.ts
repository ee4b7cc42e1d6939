/** Lifetimes of the entries of one namespace, in seconds. */
export interface EntryTerms {
  /** In Redis, before jitter. */
  readonly ttl_s: number
  /** In Redis, of the fact that there is no row. */
  readonly negative_ttl_s: number
  /** In the memory of a process; never past the end in Redis. */
  readonly local_ttl_s: number
}

/** The members of `contracts/cache_runtime_notes.json` that the cache uses. */
export interface CacheContract {
  readonly entries: {
    readonly flag: EntryTerms
    readonly tenant_override: EntryTerms
    readonly user_override: EntryTerms
    readonly eval: EntryTerms
  }
  /** Share of a lifetime by which it varies either way. */
  readonly jitter_share: number
  /** Factor of the load time in the chance of an early refresh. */
  readonly early_refresh_beta: number
  readonly lease: {
    /** After which another process may load. */
    readonly ttl_ms: number
    /** The longest wait for the process that loads. */
    readonly wait_ms: number
    /** Between two looks for its entry. */
    readonly poll_ms: number
  }
  /** How long a removed key refuses entries that were read before the change: longer than any load. */
  readonly tombstone_s: number
  /** Most memory of the entries in a process, about. */
  readonly local_bytes: number
  /** Most changes that a process remembers, to refuse entries read before them. */
  readonly known_changes: number
  /** Deadline of a call to Redis. */
  readonly redis_deadline_ms: number
}
