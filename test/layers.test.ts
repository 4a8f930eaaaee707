import { readdirSync, readFileSync } from 'node:fs'
import { posix, sep } from 'node:path'
import t from 'tap'

/** The layers of docs/internals.md: a file imports from its own layer and below, and nothing from above. */
const LAYERS: string[][] = [
  ['types', 'inference', 'errors', 'options', 'context', 'trace', 'thread-words', 'record', 'failure', 'backoff', 'host', 'compilers', 'schema', 'timetable', 'version', 'vitals'],
  ['connection', 'scripts', 'bee', 'queue', 'availability', 'subscriber', 'insist', 'store', 'redis-store', 'memory-queue', 'memory-store'],
  ['changes', 'watcher', 'handle', 'tasks', 'attempt', 'thread', 'thread-run', 'thread-context', 'settlement', 'listing', 'settler', 'pace', 'runner', 'keeper', 'heart', 'loop', 'worker', 'inline-workers', 'inline'],
  ['decorators', 'route-schemas', 'openapi', 'routes'],
  ['plugin', 'load-app', 'boot-app', 'thread-entry', 'standalone', 'dev/redis-binary', 'dev/redis-server', 'dev/private-redis',
    ...['text', 'output', 'exit', 'flags', 'source', 'list', 'status', 'cancel', 'retry', 'purge', 'inspect', 'watcher', 'supervisor', 'worker', 'pretty', 'serve', 'dev'].map(name => `cli/${name}`), 'cli']
]

const layerOf = (file: string): number => LAYERS.findIndex(layer => layer.includes(file))
const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts')).map(name => name.slice(0, -3).replaceAll(sep, '/'))

t.same(files.toSorted(), LAYERS.flat().toSorted(), 'every file has a layer')

for (const file of files) {
  const imports = [...readFileSync(`lib/${file}.ts`, 'utf8').matchAll(/from '(\.{1,2}\/.+?)\.ts'/g)].map(match => posix.join(posix.dirname(file), match[1]!))
  t.same(imports.filter(one => layerOf(one) < 0), [], `${file} imports what is there`)
  const above = imports.filter(one => layerOf(one) > layerOf(file))
  t.same(above, [], `${file} imports nothing from above`)
}

t.test('only queue.ts knows a key\'s name', async t => {
  for (const file of files.filter(one => one !== 'queue')) {
    t.notMatch(readFileSync(`lib/${file}.ts`, 'utf8'), /['"`:](waiting|active|stalling|claims)['"`]\]|:\{/, file)
  }
})

t.test('every Lua script has its header: what it does, KEYS, ARGV, Returns', async t => {
  for (const name of readdirSync('lib/scripts')) {
    const text = readFileSync(`lib/scripts/${name}`, 'utf8')
    t.match(text, /^--\[\[\n.+[^]*\nKEYS {2}1 [^]*\nARGV {2}1 [^]*\nReturns [^]*\]\]/, name)
  }
})
