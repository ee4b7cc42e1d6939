import type { ErrorObject } from 'ajv'
import { pointer } from '../core/json/pointer.ts'
import type { ArtefactProblem } from './problem.ts'

/** Holds a value to a schema: compiled when it is asked for, or ahead. */
export interface SchemaCheck {
  /** Every breach; none means that the value fits. */
  problems(schemaName: string, value: unknown, file: string): readonly ArtefactProblem[]
}

/** What ajv says, as one of our own. */
export function toProblem(error: ErrorObject, file: string): ArtefactProblem {
  const params = error.params as { additionalProperty?: string; missingProperty?: string }
  const member = params.additionalProperty ?? params.missingProperty
  return {
    file,
    pointer: member === undefined ? error.instancePath : pointer(error.instancePath, member),
    code: `schema_${error.keyword.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
    detail: error.message ?? '',
  }
}
