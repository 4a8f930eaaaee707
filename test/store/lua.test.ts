import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

const LUA = 'lib/store/redis/lua'

t.test('only store/redis/queue.ts knows the name of a key', async t => {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts')).map(name => name.replaceAll('\\', '/'))
  for (const file of files.filter(one => one !== 'store/redis/queue.ts')) {
    t.notMatch(readFileSync(`lib/${file}`, 'utf8'), /['"`:](waiting|active|stalling|claims)['"`]\]|:\{/, file)
  }
})

t.test('every Lua script has its header: what it does, KEYS, ARGV, Returns', async t => {
  for (const name of readdirSync(LUA)) {
    const text = readFileSync(`${LUA}/${name}`, 'utf8')
    t.match(text, /^--\[\[\n.+[^]*\nKEYS {2}1 [^]*\nARGV {2}1 [^]*\nReturns [^]*\]\]/, name)
  }
})
