/**
 * What holds for every Lua script: its header, the names of its keys, and the module into which all scripts are joined.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { flowScriptKeys, scriptKeys } from '../../lib/store/redis/keys.ts'
import { scripts } from '../../lib/store/redis/lua.generated.ts'

const LUA = 'lib/store/redis/lua'

const luaFiles = (folder: string): string[] => readdirSync(folder).filter(file => file.endsWith('.lua')).sort()
const read = (file: string): string => readFileSync(`${LUA}/${file}`, 'utf8')

t.test('keys.ts is the only file that knows the names of keys', async t => {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' })
    .map(file => file.replaceAll('\\', '/'))
    .filter(file => file.endsWith('.ts') && !/^store\/redis\/(keys|lua\.generated)\.ts$/.test(file))
  t.ok(files.includes('store/redis/queue.ts'))
  for (const file of files) {
    t.notMatch(readFileSync(`lib/${file}`, 'utf8'), /['"`:](waiting|active|stalling|claims)['"`]\]|:\{/, file)
  }
})

t.test('every script has a header: what it does, KEYS, ARGV, Returns', async t => {
  for (const file of luaFiles(LUA)) {
    t.match(read(file), /^--\[\[\n[A-Z].+[^]*\nKEYS {2}1 [^]*\nARGV {2}1 [^]*\nReturns [^]*\n\]\]\n/, file)
  }
})

t.test('every include has a header: what it is for, and what it defines', async t => {
  for (const file of luaFiles(`${LUA}/includes`)) {
    const text = read(`includes/${file}`)
    t.match(text, /^--\[\[\n[A-Z].+[^]*\nDefines \w+[^]*\n\]\]\n/, file)
    const defined = /\nDefines (\w+)/.exec(text)![1]!
    t.match(text, new RegExp(`\\nlocal (function )?${defined}\\b`), file)
  }
})

t.test('the keys in a header are those that keys.ts passes, in the same order', async t => {
  for (const [name, keys] of Object.entries(scriptKeys)) {
    const [, listed] = /\nKEYS([^]*?)\nARGV/.exec(read(`${name}.lua`))!
    t.strictSame([...listed!.matchAll(/(\d+) (\S+)/g)].map(match => match[2]), keys, name)
  }
  for (const [name, [queue, parts]] of Object.entries(flowScriptKeys)) {
    const [, listed] = /\nKEYS([^]*?)\nARGV/.exec(read(`${name}.lua`))!
    const keys = [...queue, ...parts.map(part => part === '' ? 'flow' : part)]
    t.strictSame([...listed!.matchAll(/(\d+) (\S+)/g)].map(match => match[2]), keys, name)
  }
})

t.test('no pattern tries each byte of a record, but those of add-unique: options are at their end', async t => {
  const isOpen = /string\.(match|find|gsub)\((record|tail|text)\b[^,]*, '\^\(?\.\*/
  const found = [LUA, `${LUA}/includes`].flatMap(folder => luaFiles(folder)
    .filter(file => isOpen.test(readFileSync(`${folder}/${file}`, 'utf8'))))
  t.same(found, ['add-unique.lua'])
})

t.test('every number of a key or argument that a script uses is in its header', async t => {
  for (const file of luaFiles(LUA)) {
    const [, header, code] = /^--\[\[([^]*?)\n\]\]([^]*)$/.exec(read(file))!
    const [keys, args] = header!.split('\nARGV')
    for (const [, number] of code!.matchAll(/KEYS\[(\d+)\]/g)) t.match(keys, new RegExp(` ${number} `), `${file}: KEYS`)
    for (const [, number] of code!.matchAll(/ARGV\[(\d+)\]/g)) t.match(args, new RegExp(` ${number} `), `${file}: ARGV`)
  }
})

t.test('a file has at most 300 lines, of at most 120 characters', async t => {
  const files = [...luaFiles(LUA), ...luaFiles(`${LUA}/includes`).map(file => `includes/${file}`)]
  for (const file of files) {
    const lines = read(file).split('\n')
    t.strictSame(lines.filter(line => line.length > 120), [], file)
    t.ok(lines.length <= 300, `${file}: ${lines.length} lines`)
  }
})

t.test('the module has every script, is up to date, and has no comments and no includes left', async t => {
  t.strictSame(Object.keys(scripts), luaFiles(LUA).map(file => file.slice(0, -'.lua'.length)).sort())
  for (const [name, text] of Object.entries(scripts)) t.notMatch(text, /^\s*--|@include/m, name)
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build-lua.mjs', '--check'], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
})
