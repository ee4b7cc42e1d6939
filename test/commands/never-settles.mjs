// Loaded before the program (node --import): no adapter of it ever comes to an end.
import { adapters } from '../../dist/src/composition.js'

const names = Object.keys(adapters)
if (names.length === 0) throw new Error('there is no adapter')
for (const name of names)
  adapters[name] = () => {
    process.stderr.write(`never settles: ${name}\n`)
    return new Promise(() => undefined)
  }
