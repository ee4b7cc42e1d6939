import type { ErrorObject } from 'ajv'
import { FfError } from '../errors.ts'
import { type SchemaCheck, toProblem } from './schema-check.ts'
import * as validators from './validators.generated.ts'

type Validator = ((value: unknown) => boolean) & { readonly errors?: readonly ErrorObject[] | null }
const READY = new Map(Object.entries(validators as unknown as Readonly<Record<string, Validator>>))

/** The schemas that were compiled when the program was built: those of the gate, which has no time for it. */
export const readySchemas: SchemaCheck = {
  problems: (schemaName, value, file) => {
    const validate = READY.get(schemaName.replaceAll('-', '_'))
    if (validate === undefined)
      throw new FfError('internal', `The schema ${schemaName} was not compiled ahead.`, {
        hint: 'Build ff anew.',
      })
    return validate(value) ? [] : (validate.errors ?? []).map((one) => toProblem(one, file))
  },
}
