/**
 * `npm run release` in temporary git repositories. npm is a stub that records its arguments.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import t, { type Test } from 'tap'

const SCRIPT = resolve('scripts/release.mjs')
const CHANGELOG = `# Changelog

## [Unreleased]

## [1.2.0] - 2026-01-31

### Added

- A thing.

## [1.1.0] - 2026-01-01
`
const NPM = '#!/bin/sh\necho "$*" >> "$NPM_CALLS"\n[ "$1" != "$NPM_FAILS" ]\n'
/** Git ignores the machine's configuration, for example a signing key. */
const GIT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com'
}

interface RunResult { code: number | null, out: string, err: string }

class Repository {
  readonly #folder: string
  /** The npm command that fails. */
  npmFails = 'none'

  constructor (folder: string) { this.#folder = folder }

  #run (command: string, args: string[]): RunResult {
    const PATH = `${join(this.#folder, '../bin')}${delimiter}${process.env.PATH}`
    const env = { ...process.env, ...GIT, NPM_CALLS: join(this.#folder, '../calls'), NPM_FAILS: this.npmFails, PATH }
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: this.#folder, env, encoding: 'utf8' })
    return { code: status, out: stdout, err: stderr }
  }

  git (...args: string[]): string { return this.#run('git', args).out.trim() }
  release (...args: string[]): RunResult { return this.#run(process.execPath, [SCRIPT, ...args]) }
  write (file: string, text: string): void { writeFileSync(join(this.#folder, file), text) }

  commit (file: string, text: string): void {
    this.write(file, text)
    this.git('add', '.')
    this.git('commit', '--quiet', '--message', 'a change')
  }

  npmCalls (): string[] {
    const calls = join(this.#folder, '../calls')
    return existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []
  }
}

const template = t.testdir({ 'package.json': '{ "version": "1.2.0" }' })
const origin = new Repository(template)
origin.git('init', '--quiet')
origin.commit('CHANGELOG.md', CHANGELOG)

/** A repository that is ready for the release of 1.2.0. */
function repository (t: Test): Repository {
  const folder = t.testdir({ bin: { npm: NPM } })
  chmodSync(join(folder, 'bin/npm'), 0o755)
  cpSync(template, join(folder, 'repository'), { recursive: true })
  return new Repository(join(folder, 'repository'))
}

t.test('without --publish nothing is published or tagged', async t => {
  const ready = repository(t)
  const { code, out, err } = ready.release()
  t.equal(code, 0, err)
  t.match(out, /v1\.2\.0 is ready\. Nothing was published or tagged/)
  t.same(ready.npmCalls(), ['run build', 'run check:package', 'publish --dry-run'])
  t.equal(ready.git('tag'), '')
})

t.test('--publish publishes and tags the commit', async t => {
  const ready = repository(t)
  const { code, out, err } = ready.release('--publish')
  t.equal(code, 0, err)
  t.match(out, /git push origin v1\.2\.0/)
  t.same(ready.npmCalls(), ['run build', 'run check:package', 'publish'])
  t.equal(ready.git('cat-file', '-t', 'v1.2.0'), 'tag', 'annotated')
  t.equal(ready.git('rev-parse', 'v1.2.0^{commit}'), ready.git('rev-parse', 'HEAD'))
  t.match(ready.release('--publish'), { code: 1, err: /the tag v1\.2\.0 exists/ }, 'a version is published once')
})

type Change = (made: Repository) => void

const changelog = (from: string, to: string): Change => made => made.commit('CHANGELOG.md', CHANGELOG.replace(from, to))

const refused: Array<[name: string, change: Change, reason: RegExp]> = [
  ['the version is unreleased', changelog('2026-01-31', 'Unreleased'), /has "Unreleased" for the date of 1\.2\.0/],
  ['its date does not exist', changelog('2026-01-31', '2026-13-31'), /has "2026-13-31" for the date of 1\.2\.0/],
  ['it has no date', changelog(' - 2026-01-31', ''), /has "" for the date of 1\.2\.0/],
  ['entries are unreleased', changelog('[Unreleased]', '[Unreleased]\n\n- A bug.'), /has entries under "Unreleased"/],
  ['the changelog has no version', changelog(CHANGELOG, '## [Unreleased]\n'), /version in CHANGELOG\.md is none/],
  ['package.json is older', made => made.commit('package.json', '{ "version": "1.1.0" }'), /package\.json has 1\.1\.0/],
  ['a file has changed', made => made.write('package.json', '{"version":"1.2.0"}'), /has changes[^]* M package\.json/],
  ['a file is not in git', made => made.write('new.js', ''), /has changes[^]*\?\? new\.js/],
  ['the tag exists', made => { made.git('tag', 'v1.2.0') }, /the tag v1\.2\.0 exists/]
]

for (const [name, change, reason] of refused) {
  t.test(`refused: ${name}`, async t => {
    const changed = repository(t)
    change(changed)
    const tags = changed.git('tag')
    t.match(changed.release('--publish'), { code: 1, err: reason })
    t.same(changed.npmCalls(), [], 'nothing was built or published')
    t.equal(changed.git('tag'), tags)
  })
}

t.test('all reasons are printed at once', async t => {
  const changed = repository(t)
  changed.write('CHANGELOG.md', CHANGELOG.replace('2026-01-31', 'Unreleased'))
  t.match(changed.release().err, /for the date of 1\.2\.0[^]*the working tree has changes/)
})

t.test('a publish that fails leaves no tag', async t => {
  const ready = repository(t)
  ready.npmFails = 'publish'
  t.match(ready.release('--publish'), { code: 1, err: /npm publish failed/ })
  t.equal(ready.git('tag'), '')
  ready.npmFails = 'none'
  t.equal(ready.release('--publish').code, 0, 'the release can be run again')
})

t.test('a build that fails publishes nothing', async t => {
  const ready = repository(t)
  ready.npmFails = 'run'
  t.equal(ready.release('--publish').code, 1)
  t.same(ready.npmCalls(), ['run build'])
})

t.test('refused: an unknown flag', async t => {
  const ready = repository(t)
  t.match(ready.release('--publsh'), { code: 2, err: /usage: npm run release/ })
  t.same(ready.npmCalls(), [])
})
