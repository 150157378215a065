// Streams that end together: Fastify’s log line for each delays none of the ends, and none is lost.

import { expect, it, onTestFinished, vi } from 'vitest'
import { Http2Sink } from '../../src/stream/sink.ts'
import { HttpScene } from '../support/http-scene.ts'
import { forThisTest } from '../support/scene.ts'

const STREAMS = 200

it('lines of streams that end together come after the last end, and before the streams are closed', async () => {
  const scene = await forThisTest(HttpScene.open({ sse: { turnMs: 0.05 } }))
  const session = scene.connect()
  const streams = await Promise.all(Array.from({ length: STREAMS }, () => scene.get('/events', {}, session)))
  const end = vi.spyOn(Http2Sink.prototype, 'end')
  onTestFinished(() => end.mockRestore())
  /** How many streams had been ended as each line came. */
  const endsBefore: number[] = []
  const push = scene.lines.push.bind(scene.lines)
  scene.lines.push = (line) => {
    if (JSON.parse(line).msg === 'request completed') endsBefore.push(end.mock.calls.length)
    return push(line)
  }
  await scene.app.kafkaSseStreams.close()
  expect(endsBefore).toEqual(Array(STREAMS).fill(STREAMS))
  expect(await Promise.all(streams.map(({ ended }) => ended))).toEqual(Array(STREAMS).fill(0))
})
