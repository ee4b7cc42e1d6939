import { createRequire } from 'node:module'
import type { ErrorObject } from 'ajv'
import { appendPointer } from '../core/json/pointer.ts'
import { FfError } from '../errors.ts'
import type { ArtefactProblem } from './problem.ts'

type Validator = ((value: unknown) => boolean) & { readonly errors?: readonly ErrorObject[] | null }
const require = createRequire(import.meta.url)

/** Holds a value to a schema. @returns every breach, in the order of the pointers; none means that the value fits */
export function validateSchema(
  schemaName: string,
  value: unknown,
  file: string,
): readonly ArtefactProblem[] {
  const validate = compiled(schemaName)
  return validate(value) ? [] : (validate.errors ?? []).map((one) => toProblem(one, file))
}

/** Each was compiled when the program was built, and is loaded when it is first asked for. */
function compiled(schemaName: string): Validator {
  try {
    return require(`#schemas/${schemaName}`) as Validator
  } catch (cause) {
    throw new FfError(
      'artefact_invalid',
      `The schema ${schemaName} cannot be used, so nothing was measured.`,
      {
        hint: 'Install ff anew, or run `npm run build`: its own contracts are not whole.',
        cause,
      },
    )
  }
}

/** What ajv says, as one of our own. */
function toProblem(error: ErrorObject, file: string): ArtefactProblem {
  const params = error.params as { additionalProperty?: string; missingProperty?: string }
  const member = params.additionalProperty ?? params.missingProperty
  return {
    file,
    pointer: member === undefined ? error.instancePath : appendPointer(error.instancePath, member),
    code: `schema_${error.keyword.replaceAll(/[A-Z]/g, (reply) => `_${reply.toLowerCase()}`)}`,
    detail: error.message ?? '',
  }
}
