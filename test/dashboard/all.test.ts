import { runRoom } from '../support/room.ts'

await runRoom('dashboard', 2)
