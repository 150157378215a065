// Addresses of brokers as people write them, and whether they can be reached.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { hostAndPort, unreachable } from '../../../src/check/reachable-address.ts'

test.each([
  ['kafka:9093', 'kafka', 9093],
  [' kafka ', 'kafka', 9092],
  ['[::1]:9094', '::1', 9094],
  ['SASL_SSL://kafka.example:9095', 'kafka.example', 9095],
  ['kafka://user:secret@kafka:9096', 'kafka', 9096],
])('%s is the host %s and the port %i', (text, host, port) => {
  expect(hostAndPort(text)).toEqual({ host, port })
})

test('an address that accepts connections is reachable, and one that does not says why', async () => {
  const server = createServer((socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // what it is for TCP
  expect(await unreachable({ host: '127.0.0.1', port })).toBeNull()
  server.close()
  await once(server, 'close')
  expect(await unreachable({ host: '127.0.0.1', port })).toBe('refuses connections: nothing listens there')
})
