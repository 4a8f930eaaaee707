/**
 * No program and no folder is used that another user of the machine may have put in its place.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isSafe, keepPrivateFolder, makeTemporaryFolder } from '../../lib/dev/private-folder.ts'
import { startPrivateRedis } from '../../lib/dev/private-redis.ts'
import { findServerOnPath } from '../../lib/dev/redis-binary.ts'
import { errorOf } from '../support/helpers.ts'

const isRoot = process.getuid?.() === 0
/** Of no user that runs anything. */
const OTHER = 65_432

/** Sets variables of the environment until the test ends. */
function setEnv (t: Test, name: string, value: string): void {
  const before = process.env[name]
  process.env[name] = value
  t.teardown(() => {
    if (before === undefined) delete process.env[name]
    else process.env[name] = before
  })
}

/** A folder with a program redis-server. */
function planted (t: Test, mode = 0o755): string {
  const folder = t.testdir({ open: { bin: { 'redis-server': '#!/bin/sh\necho planted\n' } } })
  chmodSync(join(folder, 'open/bin/redis-server'), 0o755)
  chmodSync(join(folder, 'open'), mode)
  return folder
}

t.test('a server on PATH is used if no other user could have put it there', async t => {
  const folder = planted(t)
  const bin = join(folder, 'open/bin')
  setEnv(t, 'PATH', bin)
  t.equal((await findServerOnPath())?.path, join(bin, 'redis-server'))
  chmodSync(bin, 0o777)
  t.equal(await findServerOnPath(), null, 'everyone may write to its folder')
  chmodSync(bin, 0o755)
  chmodSync(join(folder, 'open'), 0o777)
  t.equal(await findServerOnPath(), null, 'or to the folder above it')
  chmodSync(join(folder, 'open'), 0o755)
  chmodSync(join(bin, 'redis-server'), 0o777)
  t.equal(await findServerOnPath(), null, 'or to the program itself')
})

t.test('a folder of PATH that begins at the working directory is skipped', async t => {
  const folder = planted(t)
  const before = process.cwd()
  t.teardown(() => process.chdir(before))
  process.chdir(join(folder, 'open'))
  for (const path of ['bin', './bin', '', '.:bin']) {
    setEnv(t, 'PATH', path)
    t.equal(await findServerOnPath(), null, path)
  }
})

t.test('in a sticky folder only what belongs to this user or to root is safe', { skip: !isRoot }, async t => {
  const folder = planted(t, 0o1777)
  const bin = join(folder, 'open/bin')
  t.ok(isSafe(join(bin, 'redis-server')))
  chownSync(bin, OTHER, OTHER)
  t.notOk(isSafe(join(bin, 'redis-server')))
  setEnv(t, 'PATH', bin)
  t.equal(await findServerOnPath(), null)
})

t.test('a temporary folder is this user\'s only, and not in a folder where others could exchange it', async t => {
  const folder = await makeTemporaryFolder('fastify-tasks-test')
  t.teardown(() => rmSync(folder, { recursive: true }))
  t.equal(lstatSync(folder).mode & 0o777, 0o700)
  const other = await makeTemporaryFolder('fastify-tasks-test')
  t.teardown(() => rmSync(other, { recursive: true }))
  t.not(folder, other)
  const open = planted(t, 0o777)
  setEnv(t, 'TMPDIR', join(open, 'open'))
  await t.rejects(makeTemporaryFolder('fastify-tasks-test'), /other users may write/)
  const refused = { code: 'FST_TASKS_NO_REDIS_SERVER', message: /other users may write/ }
  t.match(await errorOf(startPrivateRedis()), refused, 'no private Redis has its data there')
})

t.test('a folder that is kept becomes this user\'s only', async t => {
  const folder = t.testdir({ kept: {} })
  chmodSync(join(folder, 'kept'), 0o777)
  await keepPrivateFolder(join(folder, 'kept'))
  t.equal(lstatSync(join(folder, 'kept')).mode & 0o777, 0o700)
  await keepPrivateFolder(join(folder, 'new/folder'))
  t.equal(lstatSync(join(folder, 'new/folder')).mode & 0o777, 0o700)
  symlinkSync(join(folder, 'kept'), join(folder, 'link'))
  await t.rejects(keepPrivateFolder(join(folder, 'link')), /not a folder of this user only/)
  mkdirSync(join(folder, 'foreign'))
  if (!isRoot) return
  chownSync(join(folder, 'foreign'), OTHER, OTHER)
  await t.rejects(keepPrivateFolder(join(folder, 'foreign')), /not a folder of this user only/)
})
