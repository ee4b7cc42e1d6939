import type { Sample } from './types.ts'

export type ExpositionFault =
  | 'line_malformed'
  | 'type_missing'
  | 'type_repeated'
  | 'sample_repeated'
  | 'end_missing'
/** A metric family: its type and help text. */
export interface Family {
  readonly type: string
  readonly help: string
}
export type Exposition =
  | {
      readonly ok: true
      readonly families: ReadonlyMap<string, Family>
      readonly samples: readonly Sample[]
    }
  | { readonly ok: false; readonly code: ExpositionFault; readonly line: number }

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const HELP = new RegExp(`^# HELP (${NAME}) (.*)$`)
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`)
/** prom-client writes `Nan`, which Prometheus accepts too. */
const SAMPLE = new RegExp(
  `^(${NAME})(?:\\{(.*)\\})? (Na[Nn]|[+-]Inf|[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)$`,
)
const LABELS = /^(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\"n])*"(?:,|$))*$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"/g
const SUFFIX = /_(?:bucket|sum|count)$/

/**
 * Parses Prometheus' text format 0.0.4 into families by name and samples in order. Strict: the type of a metric
 * precedes its samples, neither repeats, and the text ends with a line feed; a time stamp, or a comment other than
 * HELP and TYPE, is refused. The first fault is returned as its code and line, counted from 1.
 */
export function parseExposition(text: string): Exposition {
  const reading = new ExpositionReader()
  const lines = text.split('\n')
  if (lines.pop() !== '') return { ok: false, code: 'end_missing', line: lines.length + 1 }
  for (const [at, line] of lines.entries()) {
    const code = reading.take(line)
    if (code !== null) return { ok: false, code, line: at + 1 }
  }
  return { ok: true, families: reading.families, samples: reading.samples }
}

class ExpositionReader {
  readonly families = new Map<string, Family>()
  readonly samples: Sample[] = []
  private readonly helps = new Map<string, string>()
  private readonly seen = new Set<string>()

  take(line: string): ExpositionFault | null {
    if (line === '') return null
    if (!line.startsWith('#')) return this.readSample(line)
    const help = HELP.exec(line)
    if (help !== null) this.helps.set(help[1] as string, help[2] as string)
    return help === null ? this.readType(line) : null
  }

  private readType(line: string): ExpositionFault | null {
    const [, name = '', type = ''] = TYPE.exec(line) ?? []
    if (name === '') return 'line_malformed'
    if (this.families.has(name)) return 'type_repeated'
    this.families.set(name, { type, help: this.helps.get(name) ?? '' })
    return null
  }

  private readSample(line: string): ExpositionFault | null {
    const [, name, labels = '', value = ''] = SAMPLE.exec(line) ?? []
    if (name === undefined || !LABELS.test(labels)) return 'line_malformed'
    if (!this.families.has(name) && !this.families.has(name.replace(SUFFIX, '')))
      return 'type_missing'
    if (this.seen.has(`${name} ${labels}`)) return 'sample_repeated'
    this.seen.add(`${name} ${labels}`)
    this.samples.push({ name, labels: parseLabels(labels), value: parseNumber(value) })
    return null
  }
}

const ESCAPES: Readonly<Record<string, string>> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' }
const parseLabels = (text: string): Sample['labels'] =>
  Object.fromEntries(
    [...text.matchAll(LABEL)].map(([, name, value]) => [
      name,
      (value as string).replaceAll(/\\[\\"n]/g, (one) => ESCAPES[one] as string),
    ]),
  )
const parseNumber = (text: string): number => Number(text.replace('Inf', 'Infinity'))
