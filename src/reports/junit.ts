import type { CheckReport, Finding, ParityReport, Report } from '../core/report/types.ts'
import { findingLine } from './words.ts'

interface Case {
  readonly suite: string
  readonly name: string
  /** Null where it passed. */
  readonly failure: { readonly type: string; readonly message: string } | null
}

/** JUnit XML, one case for each item and control. What was not measured is a failure, never a skip. */
export function junitReport(report: Report): string {
  const cases = 'controls' in report ? parityCases(report) : checkCases(report)
  const suites = [...new Set(cases.map(({ suite }) => suite))]
  const body = suites.map((suite) =>
    suiteXml(
      suite,
      cases.filter((one) => one.suite === suite),
    ),
  )
  const failures = cases.filter(({ failure }) => failure !== null).length
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="ff" tests="${cases.length}" failures="${failures}" errors="0">`,
    ...body,
    '</testsuites>',
    '',
  ].join('\n')
}

function suiteXml(suite: string, cases: readonly Case[]): string {
  const failures = cases.filter(({ failure }) => failure !== null).length
  const rows = cases.map(({ name, failure }) => {
    const open = `    <testcase classname="${escape(suite)}" name="${escape(name)}"`
    if (failure === null) return `${open}/>`
    const { type, message } = failure
    return `${open}>\n      <failure type="${escape(type)}" message="${escape(message.split('\n')[0] ?? '')}">${escape(message)}</failure>\n    </testcase>`
  })
  const head = `  <testsuite name="${escape(suite)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0">`
  return [head, ...rows, '  </testsuite>'].join('\n')
}

function parityCases({ kind, items, controls, findings }: ParityReport): readonly Case[] {
  const about = (subject: string): readonly Finding[] =>
    findings.filter((one) => one.subject === subject || one.subject.startsWith(`${subject}/`))
  return [
    ...items.map(({ id, title, state }): Case => {
      const message = [state, ...about(id).map(findingLine)].join('\n')
      return {
        suite: kind,
        name: `${id} ${title}`,
        failure: state === 'pass' ? null : { type: state, message },
      }
    }),
    ...controls.map(({ id, held }): Case => {
      const failure = held
        ? null
        : { type: 'control', message: 'the control did not hold, so the run says nothing' }
      return { suite: `${kind}.controls`, name: id, failure }
    }),
  ]
}

const checkCases = ({ kind, items, findings }: CheckReport): readonly Case[] =>
  items.map(({ id, title, state, next }) => {
    const own = findings.filter(({ subject }) => subject === id)
    const lines = own.map(({ code, pointer, detail }) =>
      `${code} ${pointer ?? ''} ${detail}`.trim(),
    )
    const message = [...lines, ...(next === null ? [] : [next])].join('\n')
    const failure = state === 'pass' ? null : { type: state, message }
    return { suite: kind, name: `${id} ${title}`, failure }
  })

// What XML 1.0 cannot hold at all (section 2.2) is shown as an escape.
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/gu
const escape = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;')
    .replaceAll(FORBIDDEN, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
