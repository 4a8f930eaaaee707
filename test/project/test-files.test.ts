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
    const runs = existsSync(file) && new RegExp(`run(Room|Files)\\('${room}'`).test(readFileSync(file, 'utf8'))
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
const SHARED = [
  /\.prototype\.\w+ = /, /\bDate\.now = /, /\bMath\.random = /, /\bmock\.timers\.enable\(/, /process\.on\('warning'/,
  /t\.capture\(/, /process\.env\.\w+ = /, /delete process\.env\./, /\bsubscribe\('net\./, /\bqueryObjects\(/
]

const read = (file: string): string => readFileSync(file, 'utf8')
const runsSeveral = (file: string): boolean => /^t\.jobs = |support\/command\.ts'|runRoom\('\w+', [2-9]/m.test(read(file))

const changesWhatIsShared = (text: string): boolean => SHARED.some(change => change.test(text))

/** The text before a file's first test, and that of each of its tests. */
const partsOf = (text: string): string[] => text.split(/^(?=\w[\w.]*\(.*async )/m)

t.test('where tests run beside others, one that changes what they share runs alone', async t => {
  const alone = filesAlone().map(file => `test/${file.replace(/\.js$/, '.ts')}`)
  let found = 0
  for (const room of rooms) {
    const files = readdirSync(`test/${room}`).filter(isTest).map(name => join('test', room, name))
    const all = join('test', room, 'all.test.ts')
    const isOneProcess = existsSync(all) && read(all).includes('runRoom(')
    const ofOneProcess = isOneProcess ? files.filter(file => !alone.includes(file)) : []
    const several = ofOneProcess.some(runsSeveral) || (isOneProcess && runsSeveral(all))
    for (const file of files) {
      const isOfRoom = ofOneProcess.includes(file)
      if (!(isOfRoom ? several : runsSeveral(file))) continue
      const [helpers, ...tests] = partsOf(read(file))
      for (const test of tests.filter(changesWhatIsShared)) {
        found++
        t.match(test, /^.*, ALONE, async/, `${file}: ${test.split('\n', 1)}`)
      }
      if (isOfRoom && changesWhatIsShared(helpers!)) t.match(read(file), /, ALONE, async/, file)
    }
  }
  t.ok(found > 10)
})
