/**
 * `npm test` runs each test file, and no file twice; and what tests of one process change of it meets no other test.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { filesAlone } from '../support/room.ts'

/** Rooms that have a command of their own: `npm run test:package`, `npm run test:tools`. */
const OTHER_COMMANDS = ['package', 'tools']

const isTest = (name: string): boolean => name.endsWith('.test.ts') && name !== 'all.test.ts'
const rooms = ['.', ...readdirSync('test').filter(name => statSync(`test/${name}`).isDirectory())]
  .filter(room => readdirSync(`test/${room}`).some(isTest))
const settings = readFileSync('.taprc', 'utf8')

t.test('each room is run by one file, or its files by themselves', async t => {
  for (const room of rooms) {
    const isAlone = settings.includes(`".build/test/${room}/*.test.js"`)
    const file = join('test', room, 'all.test.ts')
    const runs = existsSync(file) && readFileSync(file, 'utf8').includes(`runRoom('${room}'`)
    const other = OTHER_COMMANDS.includes(room)
    t.equal([isAlone, runs, other].filter(Boolean).length, 1, `${room}: add ${file}, or a line of .taprc`)
  }
})

t.test('the files that run by themselves exist, and their room leaves them out', async t => {
  const alone = filesAlone()
  t.ok(alone.length > 5)
  for (const file of alone) t.ok(existsSync(`test/${file.replace(/\.js$/, '.ts')}`), file)
  t.equal(new Set(alone).size, alone.length)
})

/** What is seen by all tests that run in the process. */
const CHANGES = [/\.prototype\.\w+ = /, /\bDate\.now = /, /\bMath\.random = /, /process\.on\('warning'/, /t\.capture\(/]

const read = (file: string): string => readFileSync(file, 'utf8')
const runsSeveral = (room: string, files: string[]): boolean =>
  /runRoom\('\w+', [2-9]\)/.test(read(`test/${room}/all.test.ts`)) ||
  files.some(file => /^t\.jobs = |support\/command\.ts'/m.test(read(file)))

t.test('where tests run beside others, one that changes what they share runs alone', async t => {
  const alone = filesAlone().map(file => `test/${file.replace(/\.js$/, '.ts')}`)
  const found: string[] = []
  for (const room of rooms.filter(room => existsSync(`test/${room}/all.test.ts`))) {
    const files = readdirSync(`test/${room}`).filter(isTest).map(name => join('test', room, name))
      .filter(file => !alone.includes(file))
    if (runsSeveral(room, files)) found.push(...files.filter(file => CHANGES.some(change => change.test(read(file)))))
  }
  t.ok(found.length > 5)
  for (const file of found) t.match(read(file), /, ALONE, async/, file)
})
