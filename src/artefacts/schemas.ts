import { createRequire } from 'node:module'
import type { ErrorObject } from 'ajv'
import { appendPointer } from '../core/json/pointer.ts'
import { FfError } from '../errors.ts'
import type { ArtefactProblem } from './problem.ts'

type Validator = ((value: unknown) => boolean) & { readonly errors?: readonly ErrorObject[] | null }
const require = createRequire(import.meta.url)

/**
 * Validates a value by a compiled schema.
 *
 * @returns every violation as `schema_<keyword>` with a JSON Pointer; empty for a valid value
 * @throws FfError `artefact_invalid` if the schema cannot be loaded
 */
export function validateSchema(
  schemaName: string,
  value: unknown,
  file: string,
): readonly ArtefactProblem[] {
  const validate = loadValidator(schemaName)
  if (validate(value)) return []
  return (validate.errors ?? []).map((one) => toProblem(one, file))
}

/** Whether a value is valid by the schema of a line of a recording of staging. */
export const isObservationLine = (value: unknown): boolean =>
  validateSchema('observation-line', value, '').length === 0

/** Whether a value is valid by the schema of a line of an evidence log, or of its head. */
export const EVIDENCE_SHAPES = {
  isLine: (value: unknown): boolean => validateSchema('evidence-line', value, '').length === 0,
  isHead: (value: unknown): boolean => validateSchema('evidence-head', value, '').length === 0,
}

/** By the name of the schema: `require` looks for its file at each call. */
const validators = new Map<string, Validator>()

/** Loads a validator, which the build compiled, on first use. */
function loadValidator(schemaName: string): Validator {
  const known = validators.get(schemaName)
  if (known !== undefined) return known
  try {
    const loaded = require(`#schemas/${schemaName}`) as Validator
    validators.set(schemaName, loaded)
    return loaded
  } catch (cause) {
    throw new FfError(
      'artefact_invalid',
      `Cannot load the schema ${schemaName}, so nothing was measured.`,
      {
        hint: 'Install ff again, or run `npm run build`: its compiled schemas are incomplete.',
        cause,
      },
    )
  }
}

/** Converts an error of Ajv; the pointer of an unknown or missing member includes its name. */
function toProblem(error: ErrorObject, file: string): ArtefactProblem {
  const params = error.params as { additionalProperty?: string; missingProperty?: string }
  const member = params.additionalProperty ?? params.missingProperty
  return {
    file,
    pointer: member === undefined ? error.instancePath : appendPointer(error.instancePath, member),
    code: `schema_${error.keyword.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
    detail: error.message ?? '',
  }
}
