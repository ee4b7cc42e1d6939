import type pg from 'pg'
import { FfError } from '../../errors.ts'
import { driver } from './driver.ts'

/**
 * Commits the transaction of a client.
 *
 * @param name of the database in messages
 * @throws FfError `outcome_unknown` where the answer was lost, so that the commit may have taken place;
 * `backing_unavailable` where the transaction had failed before, and the server's error, unmapped: nothing was committed
 */
export async function commit(client: pg.ClientBase, name: string): Promise<void> {
  let command: string
  try {
    command = (await client.query('COMMIT')).command
  } catch (cause) {
    if (isRolledBack(cause)) throw cause
    throw new FfError(
      'outcome_unknown',
      `The connection to the database ${name} was lost while it committed, so that the change may be in effect.`,
      { hint: 'Read what is there before you repeat the change: `ff cutover status`.', cause },
    )
  }
  if (command !== 'COMMIT')
    throw new FfError('backing_unavailable', `The database ${name} rolled the transaction back.`, {
      hint: 'Run again; nothing of it was kept.',
    })
}

/**
 * An error of the statement itself. The end of the session (class 57P) may come after the commit, and so may the end of the
 * server, where it cannot write its log on: the last that it says then is of class 53 (a full disk), 58 or XX.
 */
const isRolledBack = (error: unknown): boolean =>
  error instanceof driver.DatabaseError && !/^(53|57P|58|XX)/.test(error.code ?? '')
