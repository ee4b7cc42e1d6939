/** What is not delivered of one slot; the age is in seconds, null where nothing is pending. */
export interface SlotCount {
  readonly pending: number
  readonly oldest_seconds: number | null
}

/** The pending records of all slots together, and the age of the oldest one. */
export function sumSlots(slots: readonly SlotCount[]): SlotCount {
  const ages = slots.flatMap(({ oldest_seconds: age }) => age ?? [])
  return {
    pending: slots.reduce((sum, { pending }) => sum + pending, 0),
    oldest_seconds: ages.length === 0 ? null : Math.max(...ages),
  }
}
