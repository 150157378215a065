// A table of orders that stays as the topic `orders` is. Its stream has `encoding: 'envelope'`. The keys are sorted
// again when one came or went; a row renders only if its own order has changed.

import { type LiveMap, liveMap } from 'kafka-sse-client'
import { useMemo, useSyncExternalStore } from 'react'
import { createRoot } from 'react-dom/client'
import { useLiveMap } from './use-live-map.ts'

interface Order {
  readonly customer: string
  readonly total: number
}

function Orders({ orders }: { orders: LiveMap<Order> }) {
  const snapshot = useLiveMap(orders)
  const status = useSyncExternalStore(orders.subscribe, () => orders.status)
  const keys = useMemo(() => [...snapshot.keys()].sort(), [snapshot])
  return (
    <table>
      <caption>{`${status}: ${snapshot.size} orders`}</caption>
      <tbody>
        {keys.map((key) => (
          <Row key={key} id={key} orders={orders} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ id, orders }: { id: string; orders: LiveMap<Order> }) {
  const order = useSyncExternalStore(orders.subscribe, () => orders.get(id))
  return (
    <tr>
      <th>{id}</th>
      <td>{order?.customer}</td>
      <td>{order?.total}</td>
    </tr>
  )
}

/** Throws for anything else. React cannot render an object, so one such record would end the page of every user. */
function readOrder(value: string): Order {
  const { customer, total } = JSON.parse(value)
  if (typeof customer === 'string' && typeof total === 'number') return { customer, total }
  throw new TypeError('the value is no order')
}

async function getToken(): Promise<string> {
  const response = await fetch('/token', { method: 'POST' })
  if (!response.ok) throw new Error(`/token: ${response.status}`)
  const { token }: { token: string } = await response.json()
  return token
}

const orders = liveMap<Order>('/orders', {
  getToken,
  parse: readOrder,
  onError: ({ error }) => console.error(error.message),
  onBadRecord: ({ key }) => console.error(`an order cannot be read: ${key}`),
})
const root = document.getElementById('orders')
if (root === null) throw new Error('the page has no element "orders"')
createRoot(root).render(<Orders orders={orders} />)
