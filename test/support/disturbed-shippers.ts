import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { AuditRecord } from '../../src/core/audit/record.ts'
import { appendRecords } from './audit-rows.ts'
import { runFf, startFf } from './run-ff.ts'
import { until } from './until.ts'

/** Shippers that share the slots of one database. */
const SHIPPERS = 2
const TARGETS = 97

interface Disturbance {
  /** Of the shippers: database, brokers, topic, and short leases. */
  readonly env: Readonly<Record<string, string>>
  readonly sql: pg.Client
  readonly kills: number
  readonly freezes: number
  readonly records: number
}

/**
 * Ships records with several processes, of which one after the other is killed, or frozen until another one has taken
 * its slots over, while it ships a part of the records. Ends when every record is delivered.
 *
 * @returns the records, and how many of the processes held a slot when they were killed or frozen
 */
export async function runDisturbed({ env, sql, kills, freezes, records }: Disturbance): Promise<{
  readonly written: readonly AuditRecord[]
  readonly interrupted: number
}> {
  const start = (): ChildProcess => startFf(['audit', 'ship', '--follow'], { env })
  const shippers = Array.from({ length: SHIPPERS }, start)
  const steps = kills + freezes
  const written: AuditRecord[] = []
  let interrupted = 0
  try {
    for (let step = 0; step < steps; step += 1) {
      const count = Math.floor((records * (step + 1)) / steps) - written.length
      const before = await countPending(sql)
      const part = await appendRecords(sql, count, {
        target: (at) => `flag/ff.n${(written.length + at) % TARGETS}`,
      })
      written.push(...part)
      // Somewhere within the work: some of the part is delivered, and most is not.
      await until(async () => (await countPending(sql)) < before + count)
      await sleep(step % 7)
      const at = step % SHIPPERS
      const victim = shippers[at] as ChildProcess
      const isFrozen = step % Math.ceil(steps / freezes) === 0
      if (isFrozen) victim.kill('SIGSTOP')
      else await end(victim, 'SIGKILL')
      if (await holdsSlot(victim, sql)) interrupted += 1
      if (isFrozen) await thaw(victim, sql)
      else shippers[at] = start()
    }
    await until(async () => (await countPending(sql)) === 0)
  } finally {
    await Promise.all(shippers.map((one) => end(one, 'SIGTERM')))
  }
  // What a frozen process held may have been sent again by then.
  const { status, stderr } = await runFf(['audit', 'ship', '--once'], { env })
  if (status !== 0) throw new Error(stderr)
  return { written, interrupted }
}

/** Whether a process that is stopped or dead is named as the owner of a slot. */
async function holdsSlot({ pid }: ChildProcess, sql: pg.Client): Promise<boolean> {
  const { rows } = await sql.query<{ held: number }>(
    `SELECT count(*)::int AS held FROM ff.ship_slots WHERE split_part(owner, ':', 2) = $1::text`,
    [String(pid)],
  )
  return (rows[0]?.held ?? 0) > 0
}

/** Lets a stopped process go on once others have taken its slots over and shipped what it held. */
async function thaw(child: ChildProcess, sql: pg.Client): Promise<void> {
  await until(async () => (await countPending(sql)) === 0)
  child.kill('SIGCONT')
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  child.kill('SIGCONT')
  await exit
}

async function countPending(sql: pg.Client): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ff.audit WHERE sink_status = 'pending'`,
  )
  return rows[0]?.count ?? 0
}
