// What a client gets while no key set can be read.

import { expect, it } from 'vitest'
import { HttpScene } from '../support/http-scene.ts'
import { startKeyServer } from '../support/keys-and-tokens.ts'
import { forThisTest } from '../support/scene.ts'

it('a client is asked to come back while no key set can be read: by a status, or by a stream that ends', async () => {
  const { url: keys } = await forThisTest(
    startKeyServer((_request, response) => void response.writeHead(500).end()),
  )
  const scene = await forThisTest(HttpScene.open({ isTls: false, auth: { keys } }))
  const authorization = `Bearer ${scene.token()}`
  const get = (accept: string) =>
    fetch(`http://127.0.0.1:${scene.port}/events`, { headers: { authorization, accept } })

  const plain = await get('*/*')
  expect(plain.status).toBe(503)
  expect(await plain.json()).toMatchObject({ code: 'FKS_KEYS_UNAVAILABLE' })
  expect(Number(plain.headers.get('retry-after'))).toBeGreaterThanOrEqual(5)
  const renewal = { 'content-type': 'application/x-challenge-response', authorization }
  const posted = await fetch(`http://127.0.0.1:${scene.port}/events`, { method: 'POST', headers: renewal })
  expect(posted.status).toBe(503)
  expect(Number(posted.headers.get('retry-after'))).toBeGreaterThanOrEqual(5)
  const named = await get('text/event-stream')
  expect(named.status).toBe(200)
  expect(await named.text()).toMatch(/^retry:\d+\n\n:end busy\n\n$/)
})
