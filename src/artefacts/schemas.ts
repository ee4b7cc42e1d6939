import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { FfError } from '../errors.ts'
import type { ArtefactProblem } from './problem.ts'
import { readText } from './read-text.ts'
import { type SchemaCheck, toProblem } from './schema-check.ts'

/** Holds values to the schemas of one folder. Each schema is compiled when it is first asked for: that is the dear part. */
export class Schemas implements SchemaCheck {
  private readonly ajv: Ajv2020

  private constructor(ajv: Ajv2020) {
    this.ajv = ajv
  }

  static async load(folder: string): Promise<Schemas> {
    // Whether the schemas themselves are good is asked by a test, once, and not at every start.
    const ajv = new Ajv2020({
      allErrors: true,
      strict: false,
      meta: false,
      validateSchema: false,
      code: { optimize: false },
    })
    const names = (await readdir(folder)).filter((name) => name.endsWith('.schema.json'))
    const schemas = await Promise.all(names.map((name) => readSchema(folder, name)))
    ajv.addSchema(schemas)
    return new Schemas(ajv)
  }

  /** @throws FfError `artefact_invalid` where the schema, or one that it refers to, is not there */
  private compiled(name: string): ValidateFunction {
    try {
      const validate = this.ajv.getSchema(name)
      if (validate !== undefined) return validate
    } catch (cause) {
      throw unusable(name, cause)
    }
    throw unusable(name, undefined)
  }

  /** Every breach, in the order of the pointers; none means that the value fits. */
  problems(schemaName: string, value: unknown, file: string): readonly ArtefactProblem[] {
    const validate = this.compiled(`${schemaName}.schema.json`)
    if (validate(value)) return []
    return (validate.errors ?? []).map((error) => toProblem(error, file))
  }
}

async function readSchema(folder: string, name: string): Promise<object> {
  const read = await readText(join(folder, name), name)
  try {
    if (read.ok) return JSON.parse(read.text) as object
  } catch (cause) {
    throw unusable(name, cause)
  }
  throw unusable(name, read.problem.code)
}

const unusable = (name: string, cause: unknown): FfError =>
  new FfError('artefact_invalid', `The schema ${name} cannot be used, so nothing was measured.`, {
    hint: 'Install ff anew: its own contracts are not whole.',
    details: cause instanceof Error ? [cause.message] : [],
    cause,
  })
