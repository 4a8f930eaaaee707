// Runs in a thread of the worker: it may compute without a pause.
import { Jimp } from 'jimp'
import type { ThreadTask } from 'fastify-tasks'

export interface ThumbnailData { source: string, target: `${string}.png`, width: number }

export default async function thumbnail ({ source, target, width }: ThumbnailData, task: ThreadTask) {
  const picture = await Jimp.read(source)
  task.log.info({ width: picture.width, height: picture.height }, 'the picture is read')
  await task.updateState('RESIZING', { from: picture.width, to: width })
  picture.resize({ w: width })
  await picture.write(target)
  return { width: picture.width, height: picture.height }
}
