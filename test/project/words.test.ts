/**
 * Plain words: the names that were given up for the field's own do not come back, and neither do the phrases that a
 * stranger has to read twice. docs/glossary.md has the terms.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import t from 'tap'

const CODE = ['.ts', '.js', '.mjs', '.lua', '.html']

/** As identifiers, wherever they are. */
const NAMES = [
  'QueueLoop', 'Insist', 'Settler', 'Settling', 'Keeper', 'Heart', 'Verdict', 'Verdicts', 'verdict', 'verdicts',
  'Buried', 'buried', 'bury', 'Timetable', 'Bell', 'Pace', 'Vitals', 'vitals', 'Inline',
  'InlineWorkers', 'ThreadFacts', 'ThreadRun', 'ThreadWords', 'Surroundings', 'LINGER', 'PULSE', 'MOST_TIMES',
  'LEAST_MOST', 'MOMENT', 'LONGEST_AHEAD', 'poke', 'insist', 'insistOn', 'blocker', 'loggable', 'complain',
  'hostOf', 'showName', 'ofPlugin', 'ofTask', 'duplicateToListen', 'gathered', 'worded', 'enqueueTimeout',
  'sayError', 'giveBack', 'strays', 'Stray', 'Crew', 'crew', 'Cast', 'Actor', 'Life', 'begun', 'asJson', 'revive',
  'reap', 'reaped', 'adopt', 'beat', 'beats', 'keeper', 'linger', 'pulse'
]

/** As the name of something that lib/ declares. As words they are English. */
const DECLARED = [
  'present', 'ended', 'cleaned', 'unreadable', 'FRESH', 'FINAL', 'attempt', 'show', 'accept', 'kept', 'must', 'own',
  'without', 'holds', 'whole', 'Host', 'look', 'Packed', 'pack', 'unpack', 'Link', 'Reach', 'Channels',
  'Availability', 'Held', 'Claim', 'Claimed', 'Place', 'Read', 'Live', 'Found', 'Stored', 'Runs', 'together',
  'quiet', 'say', 'Source', 'serve', 'lend', 'Watcher', 'Direct', 'revoke', 'Stage', 'MEMORY', 'WEIGHT', 'Written',
  'stalled'
]

const PHRASES = [
  'anew', 'heed', 'goes by itself', 'go by themselves', 'at the most', 'went away', 'tells of', 'where nobody',
  'mode inline', 'mode "inline"', 'no worker lives', 'dialling again', 'is not as it should be', 'hands it back'
]

/** A file may need a word for what it is about. */
const MAY: Record<string, string[]> = {
  'test/project/words.test.ts': [...NAMES, ...DECLARED, ...PHRASES],
  // The place of tstyche's own function.
  'test/types/expect.ts': ['Verdict', 'verdict']
}

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' }).split('\n')
  .filter(file => /^(lib|docs|test|bench|chaos|fuzz|scripts|examples|README\.md|CONTRIBUTING\.md|SECURITY\.md)/.test(file))

const found = (file: string, pattern: RegExp): string[] => {
  const may = MAY[file] ?? []
  return [...readFileSync(file, 'utf8').matchAll(pattern)].map(match => match[1]!).filter(word => !may.includes(word))
}

const words = (list: string[]): string => list.join('|')

t.test('names', async t => {
  const names = new RegExp(`(?<![\\w-])(${words(NAMES)})(?![\\w-])`, 'g')
  const declared = new RegExp(`\\b(?:function\\*?|class|interface|type) #?(${words(DECLARED)})\\b`, 'g')
  for (const file of files.filter(name => CODE.includes(extname(name)))) {
    t.same([...found(file, names), ...file.startsWith('lib/') ? found(file, declared) : []], [], file)
  }
})

t.test('phrases', async t => {
  const phrases = new RegExp(`\\b(${words(PHRASES)})\\b`, 'gi')
  const texts = files.filter(name => [...CODE, '.md'].includes(extname(name)))
  for (const file of texts) t.same(found(file, phrases), [], file)
})

t.test('pages and the command\'s texts name none of the old names either', async t => {
  const names = new RegExp(`\`(${words(NAMES)})\``, 'g')
  for (const file of files.filter(name => name.endsWith('.md'))) t.same(found(file, names), [], file)
})
