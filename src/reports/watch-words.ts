import type {
  WatchPart,
  WatchPartName,
  WatchValues,
  WatchView,
} from '../core/observe/watch-view.ts'
import {
  formatSeconds,
  listCutoverRows,
  listGateRows,
  listRecordingRows,
  listTrafficRows,
  makeRow,
  type WatchRow,
} from './watch-rows.ts'

export type WatchSectionId = 'next' | WatchPartName | 'expires'
export interface WatchSection {
  readonly id: WatchSectionId
  readonly title: string
  readonly state: WatchPart<unknown>['state']
  /** Seconds since the part was read; null where it was not, and for what follows from several parts. */
  readonly age_s: number | null
  readonly rows: readonly WatchRow[]
}

/** The view in words, as every form of it shows them. */
export const describeWatch = (view: WatchView): readonly WatchSection[] => [
  {
    id: 'next',
    title: 'Next',
    state: 'fresh',
    age_s: null,
    rows: [
      makeRow('on', view.on.why, { command: view.on.command }),
      ...(view.back === null
        ? []
        : [makeRow('back', 'to the phase before', { command: view.back })]),
    ],
  },
  describePart({ id: 'cutover', title: 'Cutover' }, view.parts.cutover, listCutoverRows),
  describePart({ id: 'traffic', title: 'Instances now' }, view.parts.traffic, listTrafficRows),
  describePart({ id: 'recording', title: '48 hours of staging' }, view.parts.recording, (report) =>
    listRecordingRows(report, view),
  ),
  describePart({ id: 'gate', title: 'Gate' }, view.parts.gate, (report) =>
    listGateRows(report, view.verdict),
  ),
  {
    id: 'expires',
    title: 'Expires next',
    state: 'fresh',
    age_s: null,
    rows:
      view.expires.length === 0
        ? [makeRow('nothing', 'nothing that is known now expires')]
        : view.expires.map(({ what, at, in_s }) =>
            makeRow(what, `${at.slice(0, 16).replace('T', ' ')} UTC, ${formatUntil(in_s)}`, {
              tone: in_s <= 0 ? 'bad' : in_s < SOON_S ? 'wait' : 'plain',
              steady: false,
            }),
          ),
  },
]
const SOON_S = 3_600

function describePart<Name extends WatchPartName>(
  { id, title }: { readonly id: Name; readonly title: string },
  part: WatchPart<WatchValues[Name]>,
  describe: (value: WatchValues[Name]) => readonly WatchRow[],
): WatchSection {
  const { state } = part
  if (state === 'waiting')
    return { id, title, state, age_s: null, rows: [makeRow('waiting', 'it is not read yet')] }
  const { age_s } = part
  const rows =
    state === 'absent'
      ? [makeRow('not known', part.reason, { tone: 'wait' })]
      : describe(part.value)
  return { id, title, state, age_s, rows }
}

const formatUntil = (in_s: number): string =>
  in_s > 0 ? `in ${formatSeconds(in_s)}` : `over since ${formatSeconds(-in_s)}`
