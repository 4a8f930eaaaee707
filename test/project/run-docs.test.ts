/** What npm run test:docs takes for a command, and for the same output. */
import t from 'tap'
import { headerCommands, isFile, stepsOf } from '../../scripts/run-docs/blocks.ts'
import { compare, fill, type Values } from '../../scripts/run-docs/compare.ts'

const block = (language: string, text: string): string => `# Title\n\n\`\`\`${language}\n${text}\n\`\`\`\n`

t.test('commands of a block', async t => {
  t.match(stepsOf(block('sh', '# remark\nnpx a -- "x"   # remark\nnpx b \\\n  --c')), [
    { line: 5, text: 'npx a -- "x"', shown: null }, { line: 7, text: 'npx b \\\n  --c' }
  ])
  t.same(stepsOf(block('console', '$ curl a\n{}\n\n$ curl b')), [
    { line: 4, text: 'curl a', shown: '{}' }, { line: 7, text: 'curl b', shown: null }
  ])
  t.match(stepsOf(`1. step\n\n   ${block('bash', 'npx a').replaceAll('\n', '\n   ').trim()}\n`), [{ text: 'npx a' }])
  t.same(stepsOf(block('text', 'npx a')), [])
  t.throws(() => stepsOf(block('', 'npx a')), /needs a language/)
})

t.test('files that a page shows, with the command that runs one', async t => {
  const steps = stepsOf(block('js', '// app.mjs: a plugin\nx()') + block('js', '// a.test.mjs: node --test'))
  t.same(steps.map(step => isFile(step) ? step.name : step.text), ['app.mjs', 'a.test.mjs', 'node --test'])
  t.same(stepsOf(block('js', 'x()')), [])
})

t.test('commands in the header of an example', async t => {
  const source = '// Title.\n//   node a.ts     (npm run build first)\n//   curl b\nimport x from \'y\'\n//   curl c\n'
  t.match(headerCommands(source), [{ line: 2, text: 'node a.ts' }, { line: 3, text: 'curl b' }])
})

const same = (shown: string, output: string, values: Values = new Map()): boolean => {
  try {
    compare(shown, output, values)
    return true
  } catch {
    return false
  }
}

t.test('JSON is compared as values, with its keys in order', async t => {
  t.ok(same('{"a":1,\n "b":["…"]}', '{"a":1,"b":["x y"]}'))
  for (const output of ['{"b":["x"],"a":1}', '{"a":2,"b":["x"]}', '{"a":1,"b":["x"],"c":null}', '{"a":1,"b":[1]}']) {
    t.notOk(same('{"a":1,"b":["…"]}', output), output)
  }
})

t.test('a reply has the headers that are shown, and the body if it is shown', async t => {
  const reply = 'HTTP/1.1 202 Accepted\r\nvary: x\r\nlocation: /tasks/1\r\n\r\n{"id":"1"}'
  t.ok(same('HTTP/1.1 202 Accepted\nlocation: /tasks/1', reply))
  t.ok(same('HTTP/1.1 202 Accepted\n\n{ "id": "1" }', reply))
  for (const shown of ['HTTP/1.1 200 OK', 'HTTP/1.1 202 Accepted\netag: "…"', 'HTTP/1.1 202 Accepted\n\n{"id":"2"}']) {
    t.notOk(same(shown, reply), shown)
  }
})

t.test('a named placeholder is one value on a page; a line that is only … is any number of lines', async t => {
  const values: Values = new Map()
  t.ok(same('location: /tasks/0d9c-…', 'location: /tasks/4a.1', values))
  t.equal(fill('curl /tasks/0d9c-…/events', values), 'curl /tasks/4a.1/events')
  t.notOk(same('0d9c-…', '5', values), 'another value')
  t.throws(() => fill('curl /7f…', values), /no output before/)
  t.ok(same('a\n…\nd', 'a\nb\nc\nd') && same('a\n…', 'a\nb') && same('a.b', 'a.b'))
  t.notOk(same('a\n…\nd', 'a\nb') || same('a.b', 'axb') || same('a', 'a\nb'))
})
