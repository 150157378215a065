// A record that is too large for the stream: a gap of one record, with an ID like any other.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ClientScene } from './client-scene.ts'

describe('a record that is too large', () => {
  let scene: ClientScene

  beforeEach(async () => {
    scene = ClientScene.open()
    scene.connect()
    await vi.advanceTimersByTimeAsync(0)
  })
  afterEach(() => scene.close())

  async function says(text: string): Promise<void> {
    scene.server.say(text)
    await vi.advanceTimersByTimeAsync(0)
  }

  it.each([
    ['without signals', ':gap too-large\nid:AQIABA==\n\n'],
    ['with signals', ':gap too-large\nevent:gap\ndata:{"reason":"too-large"}\nid:AQIABA==\n\n'],
  ])('is told once, with the ID after it, %s', async (_, block) => {
    await says('data:a\nid:AQIAAg==\n\n')
    await says(`${block}:\nid:AQIABg==\n\n`)
    expect(scene.events.slice(1)).toEqual([{ type: 'gap', data: 'too-large', id: 'AQIABA==' }])
    expect(scene.stream?.lastEventId).toBe('AQIABg==')
  })

  it('is told after the cut if its block was cut, because the server sends it again', async () => {
    await says('retry:10\n\ndata:a\nid:AQIAAg==\n\n:gap too-large\n')
    scene.server.breakOff()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(scene.server.gets()[1]?.headers).toMatchObject({ 'last-event-id': 'AQIAAg==' })
    await says(':gap too-large\nid:AQIABA==\n\n')
    expect(scene.events.map(({ type, id }) => [type, id])).toEqual([
      ['message', 'AQIAAg=='],
      ['gap', 'AQIABA=='],
    ])
  })
})
