// Writes dist/schemas, a validator for each schema, as a part of `npm run build`: compiling them at each start would take
// longer than the rest of a short command.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import standalone from 'ajv/dist/standalone/index.js'

const folder = fileURLToPath(new URL('.', import.meta.url))
const target = fileURLToPath(new URL('../../dist/schemas/', import.meta.url))
const names = (await readdir(folder)).filter((name) => name.endsWith('.schema.json')).sort()
const ajv = new Ajv2020({ allErrors: true, strict: false, code: { source: true } })
for (const name of names) ajv.addSchema(JSON.parse(await readFile(folder + name, 'utf8')))
await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
for (const name of names)
  await writeFile(
    target + name.replace('.schema.json', '.cjs'),
    standalone.default(ajv, ajv.getSchema(name)),
  )
