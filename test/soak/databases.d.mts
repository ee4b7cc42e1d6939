/** A primary with a standby that has each commit before it is acknowledged. */
export interface DatabasePair {
  readonly primary: { readonly host: string }
  readonly standby: { readonly host: string }
  /** Kills the primary and promotes the standby. */
  promote(): Promise<void>
  stop(): Promise<void>
}
/** @param place a folder for the standby */
export function startPair(place: string): Promise<DatabasePair>
