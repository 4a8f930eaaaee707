import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

/** The layers of docs/internals.md: a file imports from its own layer and below, and nothing from above. */
const LAYERS: string[][] = [
  ['types', 'inference', 'errors', 'options', 'context', 'record', 'failure', 'backoff', 'host', 'schema'],
  ['connection', 'scripts', 'bee', 'queue', 'availability', 'subscriber', 'insist'],
  ['changes', 'handle', 'tasks', 'attempt', 'settlement', 'listing', 'settler', 'runner', 'keeper', 'loop', 'worker'],
  ['decorators', 'route-schemas', 'routes'],
  ['plugin', 'load-app', 'standalone', 'cli']
]

const layerOf = (file: string): number => LAYERS.findIndex(layer => layer.includes(file))
const files = readdirSync('lib').filter(name => name.endsWith('.ts')).map(name => name.slice(0, -3))

t.same(files.toSorted(), LAYERS.flat().toSorted(), 'every file has a layer')

for (const file of files) {
  const imports = [...readFileSync(`lib/${file}.ts`, 'utf8').matchAll(/from '\.\/(.+?)\.ts'/g)].map(match => match[1]!)
  const above = imports.filter(one => layerOf(one) > layerOf(file))
  t.same(above, [], `${file} imports nothing from above`)
}

t.test('only queue.ts knows a key\'s name', async t => {
  for (const file of files.filter(one => one !== 'queue')) {
    t.notMatch(readFileSync(`lib/${file}.ts`, 'utf8'), /['"`:](waiting|active|stalling|claims|leases)['"`]\]|:\{/, file)
  }
})

t.test('every Lua script has its header: what it does, KEYS, ARGV, Returns', async t => {
  for (const name of readdirSync('lib/scripts')) {
    const text = readFileSync(`lib/scripts/${name}`, 'utf8')
    t.match(text, /^--\[\[\n.+[^]*\nKEYS {2}1 [^]*\nARGV {2}1 [^]*\nReturns [^]*\]\]/, name)
  }
})
