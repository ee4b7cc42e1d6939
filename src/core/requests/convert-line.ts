import { createRootEntry } from '../import-mapping/entries.ts'
import { type MemberRead, readMember } from '../import-mapping/take-member.ts'
import type { MemberRule } from '../import-mapping/types.ts'
import { type JsonNode, parseLosslessJson } from '../json/read.ts'
import { serializeNode } from '../parity/node-text.ts'
import { type LogFormat, readCommonLine } from './log-line.ts'

/** Where a line holds the parts of a request: contracts/schemas/requests-map.schema.json. */
export interface RequestsMap {
  /** The path of an evaluation in a common log. */
  readonly path?: string
  readonly recorded_at?: MemberRule
  readonly request: Readonly<Record<string, MemberRule>>
}

/** The names of our own evaluation request, at the top of the object. */
export const DEFAULT_MAP: RequestsMap = {
  request: Object.fromEntries(
    ['flag_key', 'tenant_id', 'user_id', 'approval_ref', 'request_id'].map((name) => [
      name,
      { from: `/${name}` },
    ]),
  ),
}
const DEFAULT_PATH = '/v1/flags/evaluate'
const DEFAULT_TIME: MemberRule = { from: ['/recorded_at', '/time'], as: 'timestamp' }
const COMMON_TIME: MemberRule = { from: '', as: 'timestamp' }

/** What becomes of a line: members of a replay request, left out for a cause, or refused with a code and the reason. */
export type ConvertedLine =
  | {
      readonly members: readonly (readonly [name: string, node: JsonNode])[]
      readonly recordedAt: JsonNode
    }
  | { readonly left: 'other_path' | 'other_method' | 'no_body' }
  | { readonly refused: string; readonly reason: string }

/** Converts one line of a log. @param number of the line, from 1: the request id where the line has none */
export function convertLine(
  text: string,
  number: number,
  { format, map }: { readonly format: LogFormat; readonly map: RequestsMap },
): ConvertedLine {
  if (format === 'ndjson') {
    const read = parseLosslessJson(text)
    return read.ok
      ? convertNode(read.node, number, { map, time: [read.node, map.recorded_at ?? DEFAULT_TIME] })
      : { refused: read.code, reason: `column ${read.column}` }
  }
  const line = readCommonLine(text)
  if (typeof line === 'string') return { refused: line, reason: FAULTS[line] }
  if (line.method !== 'POST') return { left: 'other_method' }
  if (line.path !== (map.path ?? DEFAULT_PATH)) return { left: 'other_path' }
  if (line.body === null) return { left: 'no_body' }
  return convertNode(line.body, number, { map, time: [line.time, COMMON_TIME] })
}

const FAULTS = {
  line_unreadable: 'it is no line of the Common or Combined Log Format',
  body_unreadable: 'its last field is no JSON object',
} as const

function convertNode(
  node: JsonNode,
  number: number,
  {
    map,
    time: [of, rule],
  }: { readonly map: RequestsMap; readonly time: readonly [JsonNode, MemberRule] },
): ConvertedLine {
  const reads = Object.entries(map.request).map(
    ([name, one]) => [name, readMember(one, createRootEntry(node), '')] as const,
  )
  const time = readMember(rule, createRootEntry(of), '')
  for (const [name, { fault, node: value }] of [...reads, ['recorded_at', time] as const])
    if (fault !== null)
      return { refused: fault.code, reason: `${name} is ${show(value)}; ${fault.reason}` }
  if (time.node === undefined) return { refused: 'member_missing', reason: 'recorded_at is absent' }
  const members = reads.flatMap(([name, read]) => toMember(name, read))
  const isNamed = members.some(([name]) => name === 'request_id')
  return {
    members: isNamed ? members : [...members, ['request_id', `log-${number}`]],
    recordedAt: time.node,
  }
}

/** A null stands for no value in a log. */
const toMember = (name: string, { node }: MemberRead): readonly (readonly [string, JsonNode])[] =>
  node === undefined || node === null ? [] : [[name, node]]
const show = (node: JsonNode | undefined): string =>
  node === undefined ? 'absent' : serializeNode(node)
