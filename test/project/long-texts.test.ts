/**
 * Texts that others choose take a time in proportion to their length. Each of these would take minutes if it took the
 * square of that: the test would be ended.
 */
import t from 'tap'
import { hideCredentials } from '../../lib/describe.ts'
import { printFields } from '../../lib/cli/output.ts'
import { oneLine } from '../../lib/cli/text.ts'
import { tracestateOf } from '../../lib/records/origin.ts'
import { isInIfNoneMatch } from '../../lib/routes/etag.ts'

const MANY = 500_000

t.test('a text with credentials, or with what looks like their beginning', async t => {
  for (const text of ['redis:', '//', 'rediss://', 'a@', '//a']) {
    t.equal(hideCredentials(text.repeat(MANY)).includes('secret'), false, text)
  }
  t.equal(hideCredentials(`${'redis:'.repeat(MANY)}//user:secret@host`).includes('secret'), false)
  t.equal(hideCredentials('at redis://u:p@host/1 and http://a:b@c/d, a@b'), 'at redis://…@host/1 and http://…@c/d, a@b')
  t.equal(hideCredentials('redis:/u:p@x@host, rediss://h'), 'redis:/…@host, rediss://h')
})

t.test('a tracestate of the longest header that Node takes, with blanks inside', async t => {
  for (let i = 0; i < 300; i++) if (tracestateOf(`a=b${' '.repeat(16_000)}c`)) t.fail()
  t.equal(tracestateOf(' \t a=b \t, c=d  '), 'a=b,c=d')
  t.equal(tracestateOf('  ,\t'), undefined)
})

t.test('a result with blanks inside, on the terminal', async t => {
  const { write } = process.stdout
  let text = ''
  process.stdout.write = ((chunk: string) => { text += chunk; return true }) as typeof write
  try {
    printFields([['result', `a${' '.repeat(MANY)}b   `], ['x', '1']])
  } finally {
    process.stdout.write = write
  }
  t.match(text, /a {500000}b\nx {7}1\n$/)
  t.equal(oneLine(`a${' \n'.repeat(MANY)}b`), 'a b')
})

t.test('an If-None-Match of many quotes and blanks', async t => {
  for (const part of ['"', 'W/', 'W/"', ' ', ',', '" ']) {
    t.equal(isInIfNoneMatch(part.repeat(MANY), '"a"'), false, part)
  }
})
