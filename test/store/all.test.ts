import { runRoom } from '../support/room.ts'

await runRoom('store', 2)
