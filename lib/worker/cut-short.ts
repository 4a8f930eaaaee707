/**
 * Says when a process exits while its workers are closing: what starts the close may allow it too little time.
 */

const closing = new Set<() => void>()

/** One listener for all workers of the process. */
const onExit = (): void => { for (const report of closing) report() }

/** Calls `report` if the process exits before the work has ended. */
export async function reportIfCutShort (report: () => void, work: Promise<void>): Promise<void> {
  if (closing.size === 0) process.on('exit', onExit)
  closing.add(report)
  try {
    await work
  } finally {
    closing.delete(report)
    if (closing.size === 0) process.off('exit', onExit)
  }
}
