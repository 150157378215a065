// Limits that several workers share.

import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Admitted } from '../../../src/stream/admission.ts'
import { Channel, type Port } from '../../../src/threads/channel.ts'
import type { ToMain, ToWorker } from '../../../src/threads/messages.ts'
import { SharedAdmission } from '../../../src/threads/shared-admission.ts'

type Said = { name: string; id?: number; body: { places?: number[] } }

/** A worker's admission, and everything that it said; the main thread gives out places from 1 on. */
function scene() {
  const said: Said[] = []
  let places = 0
  let listen: Parameters<Port['on']>[1] = () => {}
  const port: Port = {
    on: (_event, listener) => {
      listen = listener
    },
    postMessage: (message) => {
      const { name, id, body } = message as Said // Channel's own messages
      said.push({ name, body })
      if (id !== undefined) queueMicrotask(() => listen({ id, body: name === 'admit' ? ++places : true }))
    },
  }
  const channel = new Channel<ToMain, ToWorker>(port, {} as never) // it is told nothing here
  return { admission: new SharedAdmission(channel), said }
}

async function admitted(admission: SharedAdmission, count: number): Promise<Admitted[]> {
  const places = Array.from({ length: count }, () => admission.admit('192.0.2.1', 'holder'))
  return (await Promise.all(places)).filter((place) => place !== null)
}

describe("a worker's places within the limits", () => {
  it('are given back in one message, however many streams end in one turn', async () => {
    const { admission, said } = scene()
    const places = await admitted(admission, 2000)
    said.length = 0
    for (const place of places) place.release()
    expect(said).toEqual([])
    await turn()
    expect(said.map(({ name }) => name)).toEqual(['release'])
    expect(said[0]?.body.places).toEqual(Array.from({ length: 2000 }, (_, i) => i + 1))
    await turn()
    expect(said).toHaveLength(1)
  })

  it('are given back before another is asked for', async () => {
    for (const ask of ['hasRoom', 'admit'] as const) {
      const { admission, said } = scene()
      const [place] = await admitted(admission, 1)
      said.length = 0
      place?.release()
      if (ask === 'admit') await admission.admit('192.0.2.1', 'holder')
      else await admission.hasRoom('192.0.2.1')
      await turn()
      expect(said.map(({ name }) => name)).toEqual(['release', ask])
    }
  })
})
