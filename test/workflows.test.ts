/**
 * Workflows and pages for contributors name only npm scripts and files that exist. They have the same GitHub owner as
 * package.json. The changelog has the form of Keep a Changelog.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

const { scripts, repository, bugs, homepage } = JSON.parse(readFileSync('package.json', 'utf8'))
const github = readdirSync('.github', { recursive: true, encoding: 'utf8' })
  .map(name => join('.github', name)).filter(path => statSync(path).isFile())
const pages = ['CONTRIBUTING.md', 'SECURITY.md', ...github]
const read = (path: string): string => readFileSync(path, 'utf8')

t.test('every npm script that is named exists', async t => {
  const named = new Set<string>()
  for (const path of ['.ci/run', ...pages]) {
    for (const [call, script, test] of read(path).matchAll(/\bnpm (?:run (?:--silent )?([a-z][\w:-]*)|(test)\b)/g)) {
      t.ok(Object.hasOwn(scripts, script ?? test!), `${path}: ${call}`)
      named.add(script ?? test!)
    }
  }
  for (const script of ['test', 'lint', 'chaos', 'fuzz', 'shields']) t.ok(named.has(script), `${script} is found`)
})

t.test('every file that is linked exists', async t => {
  for (const path of pages.filter(path => path.endsWith('.md'))) {
    for (const [, link] of read(path).matchAll(/\]\((?!https?:|#|\.\.\/\.\.\/)([^)#]+)/g)) {
      t.ok(existsSync(join(dirname(path), link!)), `${path}: ${link}`)
    }
  }
})

t.test('package.json, the changelog and all pages name the same owner', async t => {
  const [, address] = /^git\+(https:\/\/github\.com\/[\w.-]+\/fastify-tasks)\.git$/.exec(repository.url)!
  t.equal(bugs.url, `${address}/issues`)
  t.equal(homepage, `${address}#readme`)
  for (const path of ['README.md', 'CHANGELOG.md', ...pages]) {
    const addresses = read(path).match(/https:\/\/github\.com\/[\w.-]+\/fastify-tasks\b/g) ?? []
    t.same(addresses.filter(found => found !== address), [], path)
  }
})

t.test('the changelog has the form of Keep a Changelog', async t => {
  const changelog = read('CHANGELOG.md')
  const headings = changelog.match(/^## .*$/gm)!
  for (const heading of headings) {
    const [, name] = /^## \[(Unreleased|\d+\.\d+\.\d+)\](?: - \d{4}-\d\d-\d\d)?$/.exec(heading) ?? []
    t.match(changelog, `\n[${name}]: https://`, `${heading} has a link at the end`)
  }
  for (const heading of changelog.match(/^### .*$/gm)!) {
    t.match(heading, /^### (Added|Changed|Deprecated|Removed|Fixed|Security)$/)
  }
})
