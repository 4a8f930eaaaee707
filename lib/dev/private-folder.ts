/**
 * Folders that no other user of the machine can write to. What lies in a temporary folder is used and executed: another
 * user could have put it there, if the name can be foreseen, or could exchange it.
 */
import { lstatSync, realpathSync, statSync, type Stats } from 'node:fs'
import { chmod, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const GROUP_OR_OTHERS = 0o077
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

const ROOT = 0

/** Windows has no such ids, and temporary folders of each user. */
const ownId = (): number | undefined => process.getuid?.()

const isOwn = ({ uid }: Stats): boolean => ownId() === undefined || uid === ownId()

const isOwnOrRoots = (stats: Stats): boolean => stats.uid === ROOT || isOwn(stats)

/**
 * Makes a new folder of this user's with a name that nobody can foresee, in the folder for temporary files.
 * @throws if another user could exchange it
 */
export async function makeTemporaryFolder (name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`))
  checkPrivate(folder)
  return folder
}

/**
 * Makes a folder that is kept, or takes an existing one of this user's.
 * @throws if another user owns it, or could exchange it
 */
export async function keepPrivateFolder (folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const stats = lstatSync(folder)
  if (isOwn(stats) && stats.isDirectory()) await chmod(folder, 0o700)
  checkPrivate(folder)
}

function checkPrivate (folder: string): void {
  const stats = lstatSync(folder)
  const isClosed = ownId() === undefined || (stats.mode & GROUP_OR_OTHERS) === 0
  const isPrivate = stats.isDirectory() && isOwn(stats) && isClosed
  if (!isPrivate) throw new Error(`${folder} is not a folder of this user only: remove it`)
  if (!isSafe(folder)) throw new Error(`${folder} is in a folder to which other users may write`)
}

/**
 * Whether other users, but for root, could put another file in the place of this one: it is writable by everyone, or a
 * folder above it is. In a sticky folder such as /tmp only the owner of a file can do that.
 */
export function isSafe (path: string): boolean {
  if (ownId() === undefined) return true
  let at = realpathSync(path)
  if ((statSync(at).mode & OTHERS_WRITE) !== 0) return false
  for (let above = dirname(at); above !== at; at = above, above = dirname(at)) {
    const { mode } = statSync(above)
    const isOpen = (mode & OTHERS_WRITE) !== 0
    if (isOpen && ((mode & STICKY) === 0 || !isOwnOrRoots(statSync(at)))) return false
  }
  return true
}
