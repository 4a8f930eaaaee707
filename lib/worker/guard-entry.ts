/**
 * The guard thread: see guard-thread.ts. Loaded by its path, in a thread only.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { GuardThread } from './guard-thread.ts'
import type { GuardData, ToGuard } from './guard-messages.ts'

const { control, messages } = workerData as GuardData
const guard = new GuardThread(control, message => parentPort!.postMessage(message))
for (const message of messages) guard.tell(message)
parentPort!.on('message', (message: ToGuard) => guard.tell(message))
