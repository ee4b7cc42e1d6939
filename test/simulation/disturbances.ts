import type { Action } from './actions.ts'
import { listOutcomes, listProgress } from './enabled.ts'
import { listDeadSessions } from './model.ts'
import type { Protocol } from './protocol.ts'
import type { World } from './world.ts'

/** What may go wrong, by what goes wrong: a run that meets few kinds meets them often, one after the other. */
type Listing = (world: World, protocol: Protocol) => readonly Action[]
const KINDS: readonly Listing[] = [
  (world, protocol) =>
    listProgress(world, protocol).flatMap((action) =>
      listOutcomes(world, action).map((outcome) => ({ ...action, outcome }) as Action),
    ),
  listEnded,
  ({ actors }) =>
    actors.flatMap(({ name, command, alive, writes, handed }): Action[] => [
      ...writes.map((_, at) => ({ do: 'late', actor: name, at }) as const),
      ...handed.map((_, at) => ({ do: 'handed_late', actor: name, at }) as const),
      ...(command?.kind === 'switch' && alive ? [{ do: 'bound', actor: name } as const] : []),
    ]),
  (world) => [
    ...world.floating.flatMap((_, at): Action[] => [
      { do: 'floating', at, drop: false },
      { do: 'floating', at, drop: true },
    ]),
    ...listDeadSessions(world).map((session) => ({ do: 'end_session', session }) as const),
  ],
  ({ cut }) =>
    (['file', 'other'] as const).flatMap((link): Action[] => {
      const change = { do: 'cut', link, on: !cut[link] } as const
      return cut[link] ? [change, change] : [change]
    }),
  () => [{ do: 'replicate' }, { do: 'replicate' }, { do: 'promote' }],
  () => [{ do: 'power_cut' }, { do: 'lie' }],
  () => [
    { do: 'clock', host: 'file', by: 40 },
    { do: 'clock', host: 'other', by: -40 },
  ],
  listLosses,
]

function listEnded({ actors }: World): readonly Action[] {
  return actors.flatMap(({ name, alive, frozen }): Action[] => {
    if (!alive) return name === 'k' ? [] : again({ do: 'restart', actor: name })
    if (frozen) return again({ do: 'thaw', actor: name })
    return [
      { do: 'kill', actor: name },
      { do: 'freeze', actor: name },
    ]
  })
}
/** What ends a disturbance comes twice as often. */
const again = (action: Action): Action[] => [action, action]

function listLosses({ actors, file, db, cut }: World): readonly Action[] {
  const coordinator = actors.find(({ name }) => name === 'k')
  if (coordinator?.command !== null) return []
  const loses = { do: 'lose', lost: 'database_lost' } as const
  const isLeft = file.record.database === null && db.record !== null
  return [
    ...(isLeft ? [{ do: 'new_database' } as const] : []),
    loses,
    { do: 'lose', lost: 'file_lost' },
    ...(cut.file ? again(loses) : []),
  ]
}

/** The kinds that a run meets, as the bits of a number: all of them for 0. */
export const listDisturbances = (
  world: World,
  protocol: Protocol,
  kinds: number,
): readonly Action[] =>
  KINDS.flatMap((list, at) =>
    kinds === 0 || ((kinds >>> at) & 1) === 1 ? list(world, protocol) : [],
  )
