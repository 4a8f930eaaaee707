import { runRoom } from '../support/room.ts'

await runRoom('attempt', 2)
