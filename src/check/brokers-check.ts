// Checks the brokers: each address resolves and takes connections, Kafka answers, and what it advertises can be reached
// from here. Promise: no secret of a property is told.

import { type AdvertisedBroker, advertisedBrokers } from '../../plugins/kafka/client/probe.ts'
import { brokerList } from '../../plugins/kafka/wire/broker-list.ts'
import { ConfigError } from '../config/config-error.ts'
import { errorWords } from '../errors.ts'
import type { KafkaOptions } from '../options.ts'
import { CheckReport } from './check-report.ts'
import { type HostAndPort, hostAndPort, unreachable } from './reachable-address.ts'

const CHECK = 'brokers'
/** Addresses that are looked at, and those that one line names. */
const ADDRESSES_MAX = 300
const NAMED_MAX = 30
const LOGIN = 'see KAFKA_CONFIG_SECURITY_PROTOCOL, KAFKA_CONFIG_SASL_* and KAFKA_CONFIG_SSL_*'

/** One of the addresses that take connections; null if Kafka does not answer. */
export async function checkBrokers(report: CheckReport, kafka: KafkaOptions): Promise<HostAndPort | null> {
  const named = kafka.bootstrapServers.split(',').map(hostAndPort)
  const addresses = named.slice(0, ADDRESSES_MAX)
  passOver(report, named.length - ADDRESSES_MAX, 'addresses of KAFKA_BOOTSTRAP_SERVERS')
  const faults = await Promise.all(addresses.map(unreachable))
  const found = addresses.find((_, at) => faults[at] === null) ?? null
  // One is enough for a start.
  const verdict = found === null ? 'fail' : 'warn'
  for (const [at, address] of addresses.entries()) {
    const why = faults[at] ?? null
    if (why !== null) report[verdict](CHECK, `${textOf(address)} ${why}`, 'see KAFKA_BOOTSTRAP_SERVERS')
  }
  if (found === null) return null
  const told = await brokerList(kafka, found)
  const isReachable = told === null || (await checkAdvertised(report, told, addresses))
  // What cannot be reached is told already, and librdkafka may fail for it.
  const brokers = await askBrokers(isReachable ? report : new CheckReport(() => {}), kafka)
  if (brokers === null) return null
  const isAll = told === null ? await checkAdvertised(report, brokers, addresses) : isReachable
  const count = brokers.length === 1 ? '1 broker' : `${brokers.length} brokers`
  const more = brokers.length > NAMED_MAX ? ` and ${brokers.length - NAMED_MAX} more` : ''
  const at = brokers.slice(0, NAMED_MAX).map(textOf).join(', ')
  if (isAll) report.ok(CHECK, `Kafka answers: ${count}, at ${at}${more}`)
  return found
}

function passOver(report: CheckReport, count: number, what: string): void {
  if (count > 0) report.warn(CHECK, `${count} more ${what} were not looked at`)
}

async function askBrokers(report: CheckReport, kafka: KafkaOptions): Promise<AdvertisedBroker[] | null> {
  try {
    return await advertisedBrokers(kafka)
  } catch (error) {
    if (error instanceof ConfigError)
      for (const problem of error.problems) report.fail(CHECK, problem, 'see KAFKA_CONFIG_*')
    else
      for (const reason of withoutParts(errorWords(error).split('\n')))
        report.fail(CHECK, `Kafka does not answer: ${reason}`, LOGIN)
    return null
  }
}

/** Without reasons that another one contains, since librdkafka tells one failure in several lines. */
function withoutParts(reasons: readonly string[]): string[] {
  const bare = (reason: string) => reason.replace(/^\S+: /, '')
  return reasons.filter(
    (reason) => !reasons.some((other) => other !== reason && bare(other).includes(bare(reason))),
  )
}

/** A client that has asked the first broker connects to all by what they call themselves. */
async function checkAdvertised(
  report: CheckReport,
  brokers: readonly AdvertisedBroker[],
  addresses: readonly HostAndPort[],
): Promise<boolean> {
  const asked = new Set(addresses.map(textOf))
  passOver(report, brokers.length - ADDRESSES_MAX, 'brokers')
  const reached = await Promise.all(
    brokers.slice(0, ADDRESSES_MAX).map(async (broker) => {
      const why = asked.has(textOf(broker)) ? null : await unreachable(broker)
      if (why === null) return true
      const advice = 'set its advertised.listeners to an address that this machine can reach'
      report.fail(CHECK, `broker ${broker.id} calls itself ${textOf(broker)}, which ${why}`, advice)
      return false
    }),
  )
  return !reached.includes(false)
}

function textOf({ host, port }: HostAndPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
