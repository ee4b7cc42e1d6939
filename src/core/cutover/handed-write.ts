import type { WriteAnswer } from './write.ts'

/** A write that a follower hands to the writer over a socket on the file's host. */
export interface HandedWrite {
  readonly op: string
  readonly stage: 'sent' | 'applying' | 'answered'
  /** Of the acknowledged change; 0 before. */
  readonly seq: number
}

export type HandedEvent =
  | { readonly type: 'answered'; readonly answer: WriteAnswer }
  /** The connection ended before an answer. */
  | { readonly type: 'writer_gone' }
  /** The follower has applied the log up to `seq`. */
  | { readonly type: 'applied'; readonly seq: number }
  | { readonly type: 'late' }

export type HandedEffect =
  /** To the writer that holds the lock now, which is this process once it has taken it over. */
  | { readonly do: 'hand_over'; readonly op: string }
  | { readonly do: 'await_applied'; readonly seq: number }
  | { readonly do: 'answer'; readonly answer: WriteAnswer }

type HandedStep = readonly [HandedWrite, HandedEffect | null]

export const startHandedWrite = (op: string): HandedStep => [
  { op, stage: 'sent', seq: 0 },
  { do: 'hand_over', op },
]

/** The next state of a handed write, and what the follower does. Total: an event that comes too late changes nothing. */
export function stepHandedWrite(state: HandedWrite, event: HandedEvent): HandedStep {
  if (state.stage === 'answered') return [state, null]
  switch (event.type) {
    case 'answered':
      return state.stage === 'sent' ? takeAnswer(state, event.answer) : [state, null]
    case 'writer_gone':
      // Its `op` is unique in the log, so that a successor writes nothing that the old writer has written.
      return state.stage === 'sent' ? [state, { do: 'hand_over', op: state.op }] : [state, null]
    case 'applied':
      return state.stage === 'applying' && event.seq >= state.seq
        ? answer(state, { status: 'acknowledged', seq: state.seq })
        : [state, null]
    case 'late':
      return answer(
        state,
        state.stage === 'sent'
          ? { status: 'outcome_unknown' }
          : { status: 'mirror_behind', seq: state.seq },
      )
  }
}

/** A client that asks the follower next has to see its change. */
function takeAnswer(state: HandedWrite, given: WriteAnswer): HandedStep {
  if (given.status !== 'acknowledged') return answer(state, given)
  const { seq } = given
  return [
    { ...state, stage: 'applying', seq },
    { do: 'await_applied', seq },
  ]
}

const answer = (state: HandedWrite, given: WriteAnswer): HandedStep => [
  { ...state, stage: 'answered' },
  { do: 'answer', answer: given },
]
