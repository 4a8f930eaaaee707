import { runRoom } from '../support/room.ts'

await runRoom('worker', 3)
