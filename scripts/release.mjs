// Releases the version of package.json: `npm run release` is a dry run, `npm run release -- --publish` publishes.
//
// Refuses, with all reasons, unless
// 1. the newest version in CHANGELOG.md is that of package.json and has a date, and "Unreleased" is empty,
// 2. the working tree has no changes,
// 3. the tag is new.
// The tag is created after the publish, so that a failed publish leaves no tag and can be repeated.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const USAGE = `usage: npm run release [-- --publish]
  without --publish: checks, builds, and shows the files that npm would publish
  with --publish: publishes to npm, and tags the commit`

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const tag = `v${version}`

release(readFlags().publish)

function readFlags () {
  try {
    return parseArgs({ options: { publish: { type: 'boolean', default: false } } }).values
  } catch (error) {
    console.error(`release: ${error.message}\n${USAGE}`)
    process.exit(2)
  }
}

function release (publish) {
  refuseIf([...changelogProblems(readFileSync('CHANGELOG.md', 'utf8')), ...gitProblems()])
  run('npm', 'run', 'build')
  run('npm', 'run', 'check:package')
  run('npm', 'publish', ...(publish ? [] : ['--dry-run']))
  if (!publish) return log(`${tag} is ready. Nothing was published or tagged. Next: npm run release -- --publish`)
  run('git', 'tag', '--annotate', tag, '--message', tag)
  log(`${tag} is published and tagged. Next: git push origin ${tag}`)
}

function refuseIf (problems) {
  if (problems.length > 0) fail(...problems)
}

/** Sections look like `## [1.2.0] - 2026-01-31` and `## [Unreleased]`, newest first. */
function changelogProblems (text) {
  const sections = text.split(/^## /m).slice(1).map(readSection)
  const [newest] = sections.filter(section => !section.isUnreleased)
  const heading = `"## [${version}] - ${new Date().toISOString().slice(0, 10)}"`
  const problems = []
  if (newest?.name !== version) {
    problems.push(`the newest version in CHANGELOG.md is ${newest?.name ?? 'none'}, package.json has ${version}`)
  } else if (!isDay(newest.date)) {
    problems.push(`CHANGELOG.md has "${newest.date}" for the date of ${version}: write ${heading}`)
  }
  if (sections.some(section => section.isUnreleased && section.hasEntries)) {
    problems.push(`CHANGELOG.md has entries under "Unreleased": move them to ${heading}`)
  }
  return problems
}

function readSection (text) {
  const [, name, date = ''] = /^\[?([^\]\s]+)\]?(?: - (.*))?/.exec(text)
  return { name, date, isUnreleased: name.toLowerCase() === 'unreleased', hasEntries: /^[-*] /m.test(text) }
}

function isDay (text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))
}

function gitProblems () {
  const problems = []
  const changes = git('status', '--porcelain')
  if (changes) problems.push(`the working tree has changes: commit or stash them\n${changes}`)
  const exists = git('tag', '--list', tag) !== ''
  if (exists) problems.push(`the tag ${tag} exists: package.json and CHANGELOG.md need a new version`)
  return problems
}

/** Returns the output, without its last line break. */
function git (...args) {
  const { status, stdout, stderr, error } = spawnSync('git', args, { encoding: 'utf8' })
  if (status !== 0) fail(`git ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`)
  return stdout.trimEnd()
}

function run (command, ...args) {
  log(`${command} ${args.join(' ')}`)
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) fail(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`)
}

function log (text) {
  console.log(`release: ${text}`)
}

function fail (...problems) {
  for (const problem of problems) console.error(`release: ${problem}`)
  process.exit(1)
}
