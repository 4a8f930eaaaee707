import { readFileSync } from 'node:fs'
import t from 'tap'
import { withErrorTable } from '../../scripts/docs.ts'
import { defaults } from '../../lib/options.ts'

const readme = readFileSync('README.md', 'utf8')

t.equal(withErrorTable(readme, readFileSync('lib/errors.ts', 'utf8')), readme, 'the table of errors is up to date: npm run docs')

t.test('README.md names every option of register', async t => {
  for (const option of Object.keys(defaults)) if (option !== 'queue') t.ok(readme.includes(`\`${option}\``), option)
})

t.test('README.md names every command and every flag', async t => {
  const cli = readFileSync('lib/cli/main.ts', 'utf8')
  for (const [, flag] of cli.matchAll(/'(?:-\w, )?(--[a-z-]+)[ ']/g)) if (!['--exit-with-parent', '--loglevel', '--json'].includes(flag!)) t.ok(readme.includes(flag!), flag)
  for (const [, command] of cli.matchAll(/ueryCommand\('([a-z]+)/g)) t.match(readme, new RegExp(`^\\|.*\`(?:[a-z]+ ID\`, \`)?${command}[ \`]`, 'm'), command)
})

t.test('docs/internals.md lists every key', async t => {
  const internals = readFileSync('docs/internals.md', 'utf8')
  const keys = [...readFileSync('lib/store/redis/queue.ts', 'utf8').match(/^type Key = [^]*?\n\n/m)![0].matchAll(/'(.+?)'/g)].map(match => match[1])
  for (const key of keys) t.ok(internals.includes(`\`${key}\``), key)
  t.ok(internals.split('\n').length < 90, 'short enough to be read')
})

t.test('what the guarantees name as their tests is there', async t => {
  const names = [...readFileSync('docs/guarantees.md', 'utf8').matchAll(/`test\/([a-z./-]+)`(?:: "(.+?)")?/g)]
  t.ok(names.length > 10)
  for (const [, file, name] of names) {
    const text = readFileSync(`test/${file}`, 'utf8').replaceAll('\\\'', '\'')
    t.ok(name === undefined || text.includes(name), `${file}: ${name ?? ''}`)
  }
})
