import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tryLock } from '../../src/adapters/file-lock/file-lock.ts'
import { adapters } from '../../src/composition.ts'
import { CUTOVER_PHASES } from '../../src/core/cutover/phases.ts'
import { TestCutover } from '../support/cutover.ts'
import { openSide, readWhole } from '../support/cutover-database.ts'
import { connect } from '../support/database.ts'
import { everyNth, FULL } from '../support/scale.ts'

describe('without an instance, a command is the writer', () => {
  let cutover: TestCutover
  beforeAll(async () => {
    cutover = await TestCutover.open()
  })
  afterAll(() => cutover.close())

  test('the plan names each step ahead', async () => {
    const { phase, steps } = await cutover.read('cutover-steps', 'plan')
    expect(phase).toBe('file')
    expect(steps.map(({ to }) => to)).toEqual(CUTOVER_PHASES.slice(1))
  })

  test('the first step fills the database, also one into which the file was imported', async () => {
    const { status, stderr } = await cutover.type('import', cutover.folder)
    expect(status, stderr).toBe(0)
    expect(await cutover.step('advance')).toMatchObject({
      from: 'file',
      phase: 'dual_write',
      filled: 10,
      attempt: 1,
    })
    const now = await cutover.status()
    expect(now).toMatchObject({
      phase: 'dual_write',
      lag: { changes: 0 },
      instances: [],
      next: { standing: 'ready', command: 'ff cutover advance' },
    })
    expect(now.database).toMatchObject({ seq: 10, hash: now.file.hash })
  })

  test('without a GO the database does not become the authority', async () => {
    expect(await cutover.step('advance')).toMatchObject({ phase: 'shadow_read' })
    expect(await cutover.fail(20, 'advance')).toBe('phase_refused')
    expect(await cutover.status()).toMatchObject({ phase: 'shadow_read', armed: false })
  })

  test('a rollback raises the attempt once', async () => {
    expect(await cutover.step('rollback', '--to', 'file')).toMatchObject({
      from: 'shadow_read',
      phase: 'file',
      attempt: 2,
    })
  })

  test('a rollback goes no way forward', async () => {
    expect(await cutover.fail(20, 'rollback', '--to', 'dual_write')).toBe('phase_refused')
  })

  test('the same database is not filled again', async () => {
    expect(await cutover.step('advance')).toMatchObject({ phase: 'dual_write', filled: null })
  })
})

describe('a scratch copy', () => {
  let cutover: TestCutover
  beforeAll(async () => {
    cutover = await TestCutover.open(true)
  })
  afterAll(() => cutover.close())

  test('goes all the way without a GO', async () => {
    for (const phase of CUTOVER_PHASES.slice(1))
      expect(await cutover.step('advance', '--one-writer')).toMatchObject({ phase })
    expect(await cutover.fail(20, 'advance')).toBe('phase_refused')
  })

  test('says how far a way back of two turns went, where the second is kept from it', async () => {
    const sql = await connect('18', cutover.database.database)
    const turns: Promise<unknown>[] = []
    const { status, stderr } = await cutover.runUntil(
      'reading both records',
      () => {
        // Granted as soon as the first turn lets go of it.
        turns.push(sql.query(`SELECT pg_advisory_lock(hashtextextended('ff cutover', 0))`))
      },
      ['rollback'],
    )
    await Promise.all(turns)
    await sql.end()
    expect(status, stderr).toBe(22)
    expect(stderr).toContain('step_unsettled')
    expect(stderr).toContain('from complete to db_authoritative')
    expect(stderr).toContain('`ff cutover rollback --to file`')
    expect(await cutover.status()).toMatchObject({ phase: 'db_authoritative', attempt: 2 })
  })

  test('goes back to the file, which lacks nothing', async () => {
    expect(await cutover.step('rollback')).toMatchObject({
      from: 'db_authoritative',
      phase: 'file',
      attempt: 3,
    })
    const { file, database } = await cutover.status()
    expect(file).toMatchObject({ seq: database.seq, hash: database.hash })
    // A boundary record for each change of authority.
    expect(file.seq).toBe(12)
  })
})

describe('a command that another one keeps from its step', () => {
  let cutover: TestCutover
  beforeAll(async () => {
    cutover = await TestCutover.open(true)
  })
  afterAll(() => cutover.close())

  test('ends 24 while another command holds the lock of the folder', async () => {
    const lock = await tryLock(join(cutover.folder, '.coordinator'))
    expect(await cutover.fail(24, 'advance')).toBe('cutover_locked')
    await lock?.close()
  })

  test('ends 24 while one on another host holds the lock of the database', async () => {
    const side = await openSide(cutover.database)
    expect(await side.coordinate()).toBe(true)
    expect(await cutover.fail(24, 'advance')).toBe('cutover_locked')
    await side.end()
  })

  test('backs out of the switch at its bound, and names the lock', async () => {
    await cutover.step('advance')
    await cutover.step('advance')
    const sql = await connect('18', cutover.database.database)
    await sql.query(`SELECT pg_advisory_lock_shared(hashtextextended('ff switch', 0))`)
    const { epoch: before } = await cutover.status()
    const { status, stdout } = await cutover.run('advance', '--one-writer', '--bound', '1')
    expect(status).toBe(22)
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } }
    expect(error.code).toBe('step_backed_out')
    expect(error.message).toContain('switch lock')
    await sql.end()
    const after = await cutover.status()
    expect(after).toMatchObject({ phase: 'shadow_read', armed: false, next: { standing: 'ready' } })
    expect(after.epoch).toBeGreaterThan(before)
    expect(await cutover.step('advance', '--one-writer')).toMatchObject({
      phase: 'db_authoritative',
    })
  })

  test('backs out while a shipping slot is held, and names it', async () => {
    const sql = await connect('18', cutover.database.database)
    await sql.query(
      "UPDATE ff.ship_slots SET owner = 'x', lease_until = now() + interval '1 min', send_ms = 1 WHERE slot = 3",
    )
    await sql.end()
    const back = ['rollback', '--to', 'shadow_read', '--bound', '1'] as const
    const { code, message } = await cutover.refused(22, ...back)
    expect(code).toBe('step_backed_out')
    expect(message).toContain('shipping slot')
    expect(await cutover.status()).toMatchObject({ phase: 'db_authoritative', armed: false })
  })
})

/** Each effect of a switch, as the progress says it. */
const EFFECTS = [
  'reading both records',
  'publishing an epoch',
  'waiting until every instance holds',
  'writing the intent',
  'waiting for instances on other hosts',
  'waiting for the switch lock',
  'comparing the heads',
  'deciding',
  'freeing the switch lock',
]
const SOME = ['publishing an epoch', 'writing the intent', 'deciding', 'freeing the switch lock']

describe('a command that is killed', () => {
  let cutover: TestCutover
  beforeAll(async () => {
    cutover = await TestCutover.open(true)
    await cutover.step('advance')
    await cutover.step('advance')
  })
  afterAll(() => cutover.close())

  test.each(FULL ? EFFECTS : everyNth(SOME, 2))(
    'while %s, leaves a step that the printed command finishes, forth and back',
    async (line) => {
      const forth = await cutover.killAt(line, 'advance', '--one-writer')
      expect(forth.signal).toBe('SIGKILL')
      await finish('db_authoritative')
      const back = await cutover.killAt(line, 'rollback', '--to', 'shadow_read')
      expect(back.signal).toBe('SIGKILL')
      await finish('shadow_read')
    },
  )

  /** Gives the command that the status prints until the goal is reached. */
  async function finish(goal: string): Promise<void> {
    for (let tries = 0; tries < 3; tries++) {
      const { phase, next } = await cutover.status()
      if (phase === goal && (next.standing === 'ready' || next.standing === 'finished')) return
      const [, , ...args] = next.command.split(' ')
      // Before its first effect a command has left nothing.
      const own = goal === 'shadow_read' && next.standing === 'ready'
      await cutover.step(...(own ? ['rollback', '--to', goal] : addOneWriter(args)))
    }
    expect(await cutover.status()).toMatchObject({ phase: goal, armed: false })
  }
  const addOneWriter = (args: readonly string[]): readonly string[] =>
    args[0] === 'advance' ? [...args, '--one-writer'] : args
})

describe('a side that is lost', () => {
  let cutover: TestCutover
  beforeAll(async () => {
    cutover = await TestCutover.open(true)
    await cutover.step('advance')
  })
  afterAll(() => cutover.close())

  test('without the database the status names the way back', async () => {
    const { next } = await cutover.away().status()
    expect(next).toEqual({
      standing: 'database_unreachable',
      command: 'ff cutover rollback --db-lost',
    })
  })

  test('the file goes on alone, in a new attempt', async () => {
    const lost = ['--db-lost', '--stopped', 'unplugged'] as const
    const step = await cutover.away().step('rollback', ...lost)
    expect(step).toMatchObject({ from: 'dual_write', phase: 'file', attempt: 2 })
    const chain = await adapters.openFileChain(cutover.folder)
    const last = (await readWhole(await chain.content())).records.at(-1)?.record
    expect(last).toMatchObject({ seq: 11, target: 'cutover/file', phase: 'file' })
    expect(JSON.parse(last?.after ?? '')).toEqual({
      epoch: step.epoch,
      phase: 'file',
      stopped: 'unplugged',
    })
  })

  test('the database that was left is never joined again, and closed at first contact', async () => {
    expect((await cutover.status()).next.standing).toBe('database_left')
    expect(await cutover.fail(20, 'advance')).toBe('database_left')
    const { status, stdout } = await cutover.run('reconcile', '--dry-run')
    expect(status).toBe(22)
    expect(JSON.parse(stdout)).toMatchObject({
      common_seq: 10,
      database_only: { count: 0 },
      rows: null,
    })
  })

  test('in a phase with one side there is nothing to lose', async () => {
    expect(await cutover.away().fail(20, 'rollback', '--db-lost')).toBe('phase_refused')
  })
})

describe('the file side is lost', () => {
  let cutover: TestCutover
  beforeAll(async () => {
    cutover = await TestCutover.open(true)
    for (let steps = 0; steps < 3; steps++) await cutover.step('advance', '--one-writer')
  })
  afterAll(() => cutover.close())

  test('the database, which is not the survivor, needs the word of the operator', async () => {
    expect(await cutover.fail(2, 'advance', '--file-lost')).toBe('stopped_missing')
    expect(await cutover.fail(2, 'advance', '--stopped', 'unplugged')).toBe('option_invalid')
  })
  test('and goes on alone with it', async () => {
    const step = await cutover.step('advance', '--file-lost', '--stopped', 'unplugged')
    expect(step).toMatchObject({ phase: 'complete', stopped: 'unplugged' })
    const sql = await connect('18', cutover.database.database)
    const { rows } = await sql.query(
      "SELECT target, after FROM ff.audit WHERE target LIKE 'cutover/%' ORDER BY seq",
    )
    await sql.end()
    expect(rows).toEqual([
      {
        target: 'cutover/db_authoritative',
        after: { epoch: expect.any(Number) as number, one_writer: true, phase: 'db_authoritative' },
      },
      {
        target: 'cutover/complete',
        after: { epoch: step.epoch, phase: 'complete', stopped: 'unplugged' },
      },
    ])
  })
})
